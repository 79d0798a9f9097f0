// The recording fake of cuDNN's RNN API: keeps the description of a layer and carries out exactly that, on the CPU in
// double, when its turn in the stream comes. It refuses what the library refuses or leaves undefined: calls out of
// order, a reserve that was not filled by training, memory that is too small or not the GPU's.
#include <joist/core/error.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/sequence_steps.h>

#include <cstring>
#include <string>

namespace joist::cuda {
namespace {

using emulator::at;
using emulator::Numbers;
using emulator::Places;
using emulator::Reserve;
using emulator::Sequence;
using emulator::Vector;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw InternalError({.where = "emulated recurrent layer " + where, .what = what});
}

class RecordedSequence final : public SequencePlan {
 public:
  explicit RecordedSequence(const SequenceShape& shape) : shape_(shape), places_(shape) {
    if (shape.cell == Cell::gru_before || !is_floating(shape.dtype) || shape.dtype == Dtype::float64)
      refuse("plan", "a cell or an element type that the library does not have");
    if (shape.steps < 1 || shape.batch < 1 || shape.in < 1 || shape.hidden < 1) refuse("plan", "a layer of nothing");
    if (shape.out < 1 || shape.out > shape.hidden || (shape.out < shape.hidden && shape.cell != Cell::lstm))
      refuse("plan", "a projection that the library does not have");
    if (std::ssize(shape.lengths) != shape.batch) refuse("plan", "not a length for every sequence");
    for (const std::int32_t length : shape.lengths)
      if (length < 0 || length > shape.steps) refuse("plan", "a length beyond the steps");
  }
  std::size_t weights() const override { return places_.bytes(); }
  std::size_t workspace() const override { return 129; }
  std::size_t reserve() const override { return shape_.training ? Reserve(shape_).bytes(shape_.directions()) : 0; }
  WeightPlaces places(const void* weights, std::int64_t direction, std::int64_t part) const override {
    if (!weights || direction >= shape_.directions() || part > 2 * gates_of(shape_.cell))
      refuse("weights", "no such part");
    return places_(direction, part);
  }

  void forward(const char* name, const SequenceForward& data, void* stream) const override {
    emulator::count_call(name);
    check(name, data.x, x_bytes(), "x");
    check(name, data.y, y_bytes(), "y");
    check(name, data.weights, weights(), "the weight space");
    check(name, data.workspace, workspace(), "the workspace");
    if (shape_.training) check(name, data.reserve, reserve(), "the reserve");
    check_state(name, {data.h0, data.h_last}, shape_.out);
    check_state(name, {data.c0, data.c_last}, shape_.hidden);
    emulator::enqueue(stream, name, [this_shape = shape_, data, bytes = workspace()] {
      const Places places(this_shape);
      const Dtype dtype = this_shape.dtype;
      std::memset(emulator::DeviceMemory::inside(data.workspace), 0x7E, bytes);
      const Numbers y(data.y, dtype), h_last(data.h_last, dtype), c_last(data.c_last, dtype);
      Sequence one = sequence(this_shape, places, data.x, data.y, data.h0, data.c0, data.weights);
      if (this_shape.training) one.reserve.numbers = Numbers(data.reserve, Dtype::float32);
      each_sequence(one, [&](const Sequence& s) {
        Vector h = s.start(s.h0, this_shape.out), c = s.start(s.c0, this_shape.hidden);
        for (std::int64_t n = 0; n < s.length(); ++n) {
          s.forward_step(s.time(n), h, c);
          for (std::int64_t p = 0; p < this_shape.out; ++p) y.set(s.y_at(s.time(n), p), h[at(p)]);
        }
        for (std::int64_t t = s.length(); t < this_shape.steps; ++t)
          for (std::int64_t p = 0; p < this_shape.out; ++p) y.set(s.y_at(t, p), 0);
        store(s, h_last, h);
        if (this_shape.cell == Cell::lstm) store(s, c_last, c);
      });
      if (this_shape.training) one.reserve.numbers.set(0, Reserve::filled);
    });
  }

  void backward_data(const char* name, const SequenceBackward& data, void* stream) const override {
    check_backward(name, data);
    check(name, data.dy, y_bytes(), "dy");
    check(name, data.dx, x_bytes(), "dx");
    check(name, data.weights, weights(), "the weight space");
    check_state(name, {data.dh_last, data.dh0}, shape_.out);
    check_state(name, {data.dc_last, data.dc0}, shape_.hidden);
    emulator::enqueue(stream, name, [this_shape = shape_, data, name = std::string(name)] {
      const Places places(this_shape);
      const Dtype dtype = this_shape.dtype;
      Sequence one = sequence(this_shape, places, data.x, data.y, data.h0, data.c0, data.weights);
      one.reserve.numbers = Numbers(data.reserve, Dtype::float32);
      if (one.reserve.numbers.get(0) != Reserve::filled) refuse(name, "the reserve is not that of a training forward");
      const Numbers dy(data.dy, dtype), dx(data.dx, dtype), dh_last(data.dh_last, dtype), dc_last(data.dc_last, dtype),
          dh0(data.dh0, dtype), dc0(data.dc0, dtype);
      for (std::int64_t i = 0; i < this_shape.steps * this_shape.batch * this_shape.in; ++i) dx.set(i, 0);
      each_sequence(one, [&](const Sequence& s) {
        Vector dh = s.start(dh_last, this_shape.out), dc = s.start(dc_last, this_shape.hidden);
        for (std::int64_t n = s.length() - 1; n >= 0; --n) {
          for (std::int64_t p = 0; p < this_shape.out; ++p) dh[at(p)] += dy.get(s.y_at(s.time(n), p));
          s.backward_step(n, dh, dc, dx);
        }
        store(s, dh0, dh);
        store(s, dc0, dc);
      });
      one.reserve.numbers.set(0, Reserve::data_done);
    });
  }

  void backward_weights(const char* name, const SequenceBackward& data, void* stream) const override {
    check_backward(name, data);
    check(name, data.dweights, weights(), "the space of the weights' gradients");
    emulator::enqueue(stream, name, [this_shape = shape_, data, name = std::string(name)] {
      const Places places(this_shape);
      Sequence one = sequence(this_shape, places, data.x, data.y, data.h0, data.c0, data.weights);
      one.reserve.numbers = Numbers(data.reserve, Dtype::float32);
      if (one.reserve.numbers.get(0) != Reserve::data_done)
        refuse(name, "the weights' gradients come right after backward_data");
      each_sequence(one, [&](const Sequence& s) {
        for (std::int64_t n = 0; n < s.length(); ++n) s.weights_step(data.dweights, n);
      });
      one.reserve.numbers.set(0, Reserve::weights_done);
    });
  }

 private:
  static Sequence sequence(const SequenceShape& shape, const Places& places, const void* x, const void* y,
                           const void* h0, const void* c0, const void* weights) {
    const Dtype dtype = shape.dtype;
    return {shape,
            places,
            Reserve(shape),
            0,
            0,
            gates_of(shape.cell),
            Numbers(x, dtype),
            Numbers(y, dtype),
            Numbers(h0, dtype),
            Numbers(c0, dtype),
            weights};
  }
  template <class Work>
  static void each_sequence(Sequence one, const Work& work) {
    for (one.d = 0; one.d < one.shape.directions(); ++one.d)
      for (one.b = 0; one.b < one.shape.batch; ++one.b) work(one);
  }
  static void store(const Sequence& s, const Numbers& to, const Vector& v) {
    const auto width = static_cast<std::int64_t>(v.size());
    for (std::int64_t j = 0; to.exist() && j < width; ++j) to.set(s.state(width, j), v[at(j)]);
  }
  std::size_t x_bytes() const { return at(shape_.steps * shape_.batch * shape_.in) * size_of(shape_.dtype); }
  std::size_t y_bytes() const {
    return at(shape_.steps * shape_.batch * shape_.directions() * shape_.out) * size_of(shape_.dtype);
  }
  static void check(const char* name, const void* address, std::size_t bytes, const char* what) {
    if (!address || !emulator::DeviceMemory::instance().holds(address, bytes))
      refuse(name, std::string(what) + " does not lie in the GPU's memory, or not all of it");
  }
  void check_state(const char* name, std::initializer_list<const void*> states, std::int64_t width) const {
    for (const void* state : states)
      if (state) check(name, state, at(shape_.directions() * shape_.batch * width) * size_of(shape_.dtype), "a state");
  }
  void check_backward(const char* name, const SequenceBackward& data) const {
    emulator::count_call(name);
    if (!shape_.training) refuse(name, "a plan that was not made for training");
    check(name, data.x, x_bytes(), "x");
    check(name, data.y, y_bytes(), "y");
    check(name, data.workspace, workspace(), "the workspace");
    check(name, data.reserve, reserve(), "the reserve");
    check_state(name, {data.h0}, shape_.out);
    check_state(name, {data.c0}, shape_.hidden);
  }

  SequenceShape shape_;
  Places places_;
};

}  // namespace

std::unique_ptr<SequencePlan> plan_sequence(const SequenceShape& shape) {
  return std::make_unique<RecordedSequence>(shape);
}

}  // namespace joist::cuda
