#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/optim/lab/spectrum.h>
#include <joist/optim/vectors.h>
#include <joist/tools/lab/instruments.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

double host(const Array& x, std::int64_t i) {
  return x.dtype() == Dtype::float64 ? x.data<double>()[i] : double{x.data<float>()[i]};
}

// Units of ReLUs that are 0 for a whole batch: they pass no gradient on and stay so unless what comes before moves.
class DeadUnits final : public Listener {
 public:
  void on_record(const Operation& operation, std::span<const Tensor>, std::span<const Tensor> outputs) override {
    if (operation.op != Op::unary || outputs.size() != 1 || outputs[0].rank() < 2) return;
    const auto* function = operation.attributes.as<Unary>();
    if (!function || !std::holds_alternative<Relu>(*function)) return;
    const Array y = row_major(outputs[0].value());
    const std::int64_t rows = y.shape(0), units = y.shape(1),
                       places = y.elements() / std::max<std::int64_t>(rows * units, 1);
    std::int64_t dead = 0;
    for (std::int64_t unit = 0; unit < units; ++unit) {
      bool alive = false;
      for (std::int64_t row = 0; row < rows && !alive; ++row)
        for (std::int64_t place = 0; place < places && !alive; ++place)
          alive = host(y, (row * units + unit) * places + place) > 0;
      dead += !alive;
    }
    found.push_back({{"units", units}, {"dead", dead}});
  }
  Json found = Json::array();

 private:
  static Array row_major(const Array& x) {
    if (x.is_row_major()) return x;
    const NoGradient quiet;
    return contiguous(Tensor(x)).value();
  }
};

// How many numbers have a magnitude in [10^k, 10^(k+1)), k = -12 … 2, below and above at the ends; and how many are 0.
Json histogram(const FlatParameters& parameters, const Array& x) {
  std::array<std::int64_t, 15> counts{};
  std::int64_t zeros = 0;
  for (const FlatParameters::Slice& slice : parameters.slices())
    for (std::int64_t i = slice.first; i < slice.first + slice.elements; ++i) {
      const double size = std::abs(host(x, i));
      if (size == 0 || !std::isfinite(size))
        ++zeros;
      else
        ++counts[static_cast<std::size_t>(std::clamp(std::floor(std::log10(size)) + 12.0, 0.0, 14.0))];
    }
  return {{"first_exponent", -12}, {"counts", counts}, {"zeros", zeros}};
}

double cosine(const Array& a, const Array& b) {
  const double lengths = norm(a) * norm(b);
  return lengths > 0 ? dot(a, b) / lengths : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Instruments::Instruments(Problem& problem, FlatParameters& parameters, std::uint64_t seed)
    : problem_(problem), parameters_(parameters), seed_(seed), start_(copy_of(parameters.values())) {}

void Instruments::stepped(const Array& before) {
  previous_ = step_;
  step_ = copy_of(parameters_.values());
  add(-1, before, step_);
  ++steps_;
}

void Instruments::save(Snapshot& snapshot) const {
  snapshot.numbers["instruments.steps"] = static_cast<double>(steps_);
  for (const auto& [name, array] : {std::pair("start", &start_), {"step", &step_}, {"previous", &previous_}})
    if (array->defined()) snapshot.arrays.push_back({std::string("instruments.") + name, *array});
}

void Instruments::load(const Snapshot& snapshot) {
  steps_ = static_cast<std::int64_t>(snapshot.number("instruments.steps"));
  snapshot.copy_to("instruments.start", start_);
  if (steps_ > 0) snapshot.copy_to("instruments.step", step_ = Array::like(start_));
  if (steps_ > 1) snapshot.copy_to("instruments.previous", previous_ = Array::like(start_));
}

std::string Instruments::measure() {
  const Recomputing context(run_context());  // random numbers go on afterwards as if nothing had been
  double loss = 0;
  const auto gradient_of = [&](std::int64_t batch) {
    seed_step(seed_, batch);
    const Tensor value = problem_.loss(batch);
    value.backward();
    loss = value.item();
  };
  const auto first = [&] { gradient_of(0); };
  const Array& values = parameters_.values();
  parameters_.clear_gradients();
  DeadUnits dead;
  {
    const Listening listening(dead);
    first();
  }
  parameters_.complete_gradients();
  const Array gradient = copy_of(parameters_.gradients());
  Json entry{{"loss", number(loss)}, {"gradient_norm", number(norm(gradient))}};
  Array away = copy_of(values);
  add(-1, start_, away);
  entry["distance_from_start"] = number(norm(away));
  Json layers = Json::array();
  for (const FlatParameters::Slice& slice : parameters_.slices()) {
    const double weight = norm(vector_of(values, slice));
    Json layer{{"name", slice.name},
               {"gradient_norm", number(norm(vector_of(gradient, slice)))},
               {"weight_norm", number(weight)}};
    if (steps_ > 0 && weight > 0) layer["update_ratio"] = number(norm(vector_of(step_, slice)) / weight);
    layers.push_back(std::move(layer));
  }
  if (steps_ > 0) {
    entry["update_ratio"] = number(norm(step_) / norm(values));
    if (steps_ > 1) entry["cosine_of_steps"] = number(cosine(step_, previous_));
    entry["cosine_of_step_and_gradient"] = number(-cosine(step_, gradient));
  }
  entry["histogram"] = histogram(parameters_, gradient);
  if (!dead.found.empty()) entry["relu"] = dead.found;
  if (problem_.batches() > 1) {
    const GradientNoise noise =
        gradient_noise(parameters_, gradient_of, std::min<std::int64_t>(problem_.batches(), 8), problem_.batch_size());
    entry["noise_scale"] = number(noise.noise_scale);
    entry["gradient_variance"] = number(noise.variance);
  }
  const Spectrum spectrum = lanczos(parameters_, first, {.iterations = 15, .seed = seed_});
  Json top = Json::array();
  for (std::size_t i = spectrum.eigenvalues.size(); i > 0 && top.size() < 5; --i)
    top.push_back(number(spectrum.eigenvalues[i - 1]));
  entry["top_eigenvalues"] = top;
  entry["spectrum"] = {{"eigenvalues", spectrum.eigenvalues}, {"weights", spectrum.weights}};
  entry["trace"] = number(hessian_trace(parameters_, first, 4, seed_));
  entry["layers"] = layers;
  parameters_.clear_gradients();
  return entry.dump();
}

}  // namespace joist::lab
