#include <joist/tests/support/strict_kernels.h>

#include <limits>
#include <vector>

namespace joist {
namespace {

const Kernels* inner = nullptr;
StrictKernels::Start beginning = StrictKernels::Start::nan;
std::set<std::string> names_called;

// Whether the device calculates with the numbers of an array (others it only copies).
bool is_calculated(const Array& array) {
  return array.dtype() == (array.device().kind == Device::Kind::reference ? Dtype::float64 : Dtype::float32);
}

// One call of a kernel: what its outputs hold before, and what is taken off them afterwards.
class Call {
 public:
  template <class Argument>
  void note(const Argument& argument) {
    if constexpr (std::is_same_v<Argument, Array>) operands_.push_back(argument);
  }
  template <class Argument>
  const Argument& prepared(const Argument& argument) const {
    return argument;
  }
  Out prepared(const Out& out) {
    if (!out.array.defined() || out.accumulate || !is_calculated(out.array)) return out;
    for (const Array& operand : operands_)
      if (out.array.shares_memory_with(operand)) return out;
    if (beginning == StrictKernels::Start::nan) {
      inner->elementwise.fill(std::numeric_limits<double>::quiet_NaN(), out.array);
      return out;
    }
    inner->elementwise.fill(1, out.array);
    raised_.push_back(out.array);
    return {out.array, true};
  }
  void finish() const {
    for (const Array& array : raised_) inner->elementwise.unary(Affine{1, -1}, array, Out{array});
  }

 private:
  std::vector<Array> operands_, raised_;
};

template <auto family, auto entry, class... Arguments>
void wrap(Kernel<void(Arguments...)>& kernel) {
  kernel = [](Arguments... arguments) {
    const auto& original = inner->*family.*entry;
    names_called.insert(original.name());
    Call call;
    (call.note(arguments), ...);
    original(call.prepared(arguments)...);
    call.finish();
  };
}

constexpr std::size_t listed = 40;
static_assert(sizeof(Kernels) == listed * sizeof(Kernel<void()>), "list the new kernel below");

template <class List>
void for_each_kernel(List&& list) {
  using K = Kernels;
  list.template operator()<&K::elementwise, &ElementwiseKernels::fill>();
  list.template operator()<&K::elementwise, &ElementwiseKernels::copy>();
  list.template operator()<&K::elementwise, &ElementwiseKernels::unary>();
  list.template operator()<&K::elementwise, &ElementwiseKernels::unary_backward>();
  list.template operator()<&K::elementwise, &ElementwiseKernels::binary>();
  list.template operator()<&K::elementwise, &ElementwiseKernels::binary_backward>();
  list.template operator()<&K::reduction, &ReductionKernels::sum>();
  list.template operator()<&K::reduction, &ReductionKernels::maximum>();
  list.template operator()<&K::matmul, &MatmulKernels::product>();
  list.template operator()<&K::convolution, &ConvolutionKernels::forward>();
  list.template operator()<&K::convolution, &ConvolutionKernels::backward_input>();
  list.template operator()<&K::convolution, &ConvolutionKernels::backward_weight>();
  list.template operator()<&K::batch_norm, &BatchNormKernels::train>();
  list.template operator()<&K::batch_norm, &BatchNormKernels::evaluate>();
  list.template operator()<&K::batch_norm, &BatchNormKernels::backward>();
  list.template operator()<&K::pool, &PoolKernels::maximum>();
  list.template operator()<&K::pool, &PoolKernels::maximum_backward>();
  list.template operator()<&K::pool, &PoolKernels::average>();
  list.template operator()<&K::pool, &PoolKernels::average_backward>();
  list.template operator()<&K::resize, &ResizeKernels::nearest>();
  list.template operator()<&K::resize, &ResizeKernels::nearest_backward>();
  list.template operator()<&K::softmax, &SoftmaxKernels::softmax>();
  list.template operator()<&K::softmax, &SoftmaxKernels::softmax_backward>();
  list.template operator()<&K::softmax, &SoftmaxKernels::log_softmax>();
  list.template operator()<&K::softmax, &SoftmaxKernels::log_softmax_backward>();
  list.template operator()<&K::loss, &LossKernels::cross_entropy>();
  list.template operator()<&K::loss, &LossKernels::cross_entropy_backward>();
  list.template operator()<&K::loss, &LossKernels::distribution_focal>();
  list.template operator()<&K::loss, &LossKernels::distribution_focal_backward>();
  list.template operator()<&K::loss, &LossKernels::complete_iou>();
  list.template operator()<&K::loss, &LossKernels::complete_iou_backward>();
  list.template operator()<&K::indexing, &IndexingKernels::take_rows>();
  list.template operator()<&K::indexing, &IndexingKernels::take_rows_backward>();
  list.template operator()<&K::random, &RandomKernels::dropout>();
  list.template operator()<&K::random, &RandomKernels::uniform>();
  list.template operator()<&K::random, &RandomKernels::normal>();
  list.template operator()<&K::optimizer, &OptimizerKernels::sgd>();
  list.template operator()<&K::optimizer, &OptimizerKernels::adam>();
  list.template operator()<&K::optimizer, &OptimizerKernels::interpolate>();
  list.template operator()<&K::optimizer, &OptimizerKernels::square_sum>();
}

// Lives until the process ends: recorded operations refer to it.
const Kernels& wrapped_table() {
  static const Kernels table = [] {
    Kernels wrapped;
    for_each_kernel([&]<auto family, auto entry>() { wrap<family, entry>(wrapped.*family.*entry); });
    return wrapped;
  }();
  return table;
}

}  // namespace

StrictKernels::StrictKernels(Device device, Start start) : device_(device) {
  inner = &kernels(device);
  beginning = start;
  register_kernels(device.kind, wrapped_table());
}

StrictKernels::~StrictKernels() { register_kernels(device_.kind, *inner); }

const std::set<std::string>& StrictKernels::called() { return names_called; }

std::set<std::string> StrictKernels::all() {
  std::set<std::string> names;
  const Kernels none;
  for_each_kernel([&]<auto family, auto entry>() { names.insert((none.*family.*entry).name()); });
  return names;
}

}  // namespace joist
