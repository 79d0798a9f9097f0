// From arrays to what cuDNN computes: rows of heads without gaps inside, at multiples of 16 bytes. What is not so is
// copied, results too.
#include <joist/core/error.h>
#include <joist/core/half.h>
#include <joist/cuda/attention_by_library.h>
#include <joist/cuda/attentions.h>
#include <joist/cuda/convolution.h>
#include <joist/cuda/matmul.h>
#include <joist/cuda/plans.h>
#include <joist/cuda/runtime.h>

#include <utility>
#include <vector>

namespace joist::cuda {
namespace {

struct Found {
  std::unique_ptr<AttentionPlan> plan{};
  std::string why{};
};
Plans<AttentionShape, Found>& plans() {
  static auto* all = new Plans<AttentionShape, Found>;
  return *all;
}
// nullptr: none.
std::shared_ptr<const Found> planned(const char* name, const AttentionShape& shape) {
  auto found = plans()(shape, [](const AttentionShape& wanted) {
    auto made = std::make_shared<Found>();
    try {
      made->plan = plan_attention(wanted, made->why);
    } catch (const EnvironmentError& error) {  // no cuDNN: slower, and no reason not to train
      made->why = error.what();
    }
    return std::shared_ptr<const Found>(std::move(made));
  });
  if (found->plan) return found;
  say_by_products(name, found->why);
  return nullptr;
}

bool fits(const AttentionOptions& options, const AttentionArguments& a, const Array& log_sum) {
  const std::int64_t queries = a.q.shape(2), keys = a.k.shape(2);
  const auto width_fits = [](std::int64_t width) { return width % head_width_step == 0 && width <= most_head_width; };
  return cudnn_is_wanted() && is_half(a.q.dtype()) && a.k.dtype() == a.q.dtype() && a.v.dtype() == a.q.dtype() &&
         !a.mask.defined() && !a.slopes.defined() && options.dropout == 0 && options.window == 0 &&
         (!options.causal || !options.align_end || queries == keys) && width_fits(a.q.shape(3)) &&
         width_fits(a.v.shape(3)) && a.q.elements() > 0 && a.k.elements() > 0 && a.v.elements() > 0 &&
         (queries > 1 || keys > 1) && log_sum.dtype() == Dtype::float32 && log_sum.is_row_major();
}

bool lies_well(const Array& x, Dtype dtype) {
  if (x.dtype() != dtype || x.strides()[3] != 1 || alignment_of(x.raw()) % attention_alignment != 0) return false;
  for (int axis = 0; axis < 3; ++axis)
    if (x.shape(axis) > 1 && (x.strides()[axis] <= 0 || x.strides()[axis] % head_width_step != 0)) return false;
  return true;
}
// Steps along axes of length 1 do not matter, but must be some.
HeadsLayout layout(const Array& x) {
  HeadsLayout made;
  const Strides dense = row_major(x.shape());
  for (int axis = 0; axis < 4; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    made.lengths[i] = x.shape(axis);
    made.strides[i] = x.shape(axis) > 1 ? x.strides()[axis] : dense[axis];
  }
  return made;
}
Array copied(const Array& x, const Array& into) {
  copy_elements(x, {into});
  return into;
}
Array readable(const Array& x, Dtype dtype) {
  return lies_well(x, dtype) ? x : copied(x, Array::empty(x.shape(), dtype, x.device()));
}

/// Where the library writes: the array itself or memory that is copied there.
class Written {
 public:
  Written(const Out& out, const Shape& shape, Dtype dtype, Device device) : out_(out) {
    direct_ = out.array.defined() && !out.accumulate && lies_well(out.array, dtype);
    array_ = direct_ ? out.array : Array::empty(shape, dtype, device);
  }
  const Array& array() const { return array_; }
  void finish() const {
    if (!direct_ && out_.array.defined()) copy_elements(array_, out_);
  }

 private:
  Out out_;
  bool direct_ = false;
  Array array_{};
};

/// Memory as y lies, whose rows are in order of the heads or side by side (layers that split heads off by reshape).
bool is_side_by_side(const Array& y) { return y.permuted({0, 2, 1, 3}).is_row_major(); }
Array empty_as(const Array& y) {
  if (y.is_row_major()) return Array::empty(y.shape(), y.dtype(), y.device());
  const Array beside = y.permuted({0, 2, 1, 3});
  return Array::empty(beside.shape(), y.dtype(), y.device()).permuted({0, 2, 1, 3});
}

}  // namespace

bool attention_by_library(const char* name, const AttentionOptions& options, const AttentionArguments& a, const Out& y,
                          const Array& log_sum) {
  if (!fits(options, a, log_sum)) return false;
  void* const stream = current_stream();  // before the library is asked anything: a thread's choice of the GPU
  const Dtype dtype = a.q.dtype();
  const Array q = readable(a.q, dtype), k = readable(a.k, dtype), v = readable(a.v, dtype);
  const Written result(y, y.array.shape(), dtype, a.q.device());
  const auto found = planned(name, {.dtype = dtype,
                                    .causal = options.causal,
                                    .scale = static_cast<float>(attention_scale(options, q.shape(3))),
                                    .q = layout(q),
                                    .k = layout(k),
                                    .v = layout(v),
                                    .y = layout(result.array())});
  if (!found) return false;
  const Workspace workspace(found->plan->workspace(), q.device());
  found->plan->run(name,
                   {.q = q.raw(), .k = k.raw(), .v = v.raw(), .y = result.array().raw(), .log_sum = log_sum.raw()},
                   workspace.get(), stream);
  result.finish();
  return true;
}

bool attention_backward_by_library(const char* name, const AttentionOptions& options, const AttentionArguments& a,
                                   const Array& y, const Array& log_sum, const Array& dy, const AttentionOuts& outs) {
  if (!fits(options, a, log_sum)) return false;
  void* const stream = current_stream();
  const Dtype dtype = a.q.dtype();
  const Device device = a.q.device();
  const Array q = readable(a.q, dtype), k = readable(a.k, dtype), v = readable(a.v, dtype);
  const bool usual = lies_well(y, dtype) && (y.is_row_major() || is_side_by_side(y));
  const Array even_y = usual ? y : copied(y, Array::empty(y.shape(), dtype, device));
  // cuDNN takes dy to lie as y does.
  const bool same = lies_well(dy, dtype) && layout(dy) == layout(even_y);
  const Array even_dy = same ? dy : copied(dy, empty_as(even_y));
  const Written dq(outs.dq, q.shape(), dtype, device), dk(outs.dk, k.shape(), dtype, device),
      dv(outs.dv, v.shape(), dtype, device);
  const auto found = planned(name, {.dtype = dtype,
                                    .backward = true,
                                    .causal = options.causal,
                                    .scale = static_cast<float>(attention_scale(options, q.shape(3))),
                                    .q = layout(q),
                                    .k = layout(k),
                                    .v = layout(v),
                                    .y = layout(even_y),
                                    .dq = layout(dq.array()),
                                    .dk = layout(dk.array()),
                                    .dv = layout(dv.array())});
  if (!found) return false;
  const Workspace workspace(found->plan->workspace(), device);
  found->plan->run(name,
                   {.q = q.raw(),
                    .k = k.raw(),
                    .v = v.raw(),
                    .y = even_y.raw(),
                    .log_sum = log_sum.raw(),
                    .dy = even_dy.raw(),
                    .dq = dq.array().raw(),
                    .dk = dk.array().raw(),
                    .dv = dv.array().raw()},
                   workspace.get(), stream);
  // In this order: one array may be the gradient of several operands.
  dq.finish();
  dk.finish();
  dv.finish();
  return true;
}

void forget_attention_plans() { plans().clear(); }

}  // namespace joist::cuda
