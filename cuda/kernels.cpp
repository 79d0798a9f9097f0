#include <joist/cuda/fallback.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/recurrent.h>
#include <joist/cuda/resample.h>
#include <joist/cuda/sorting.h>

#include <string_view>
#include <type_traits>

namespace joist::cuda {
namespace {

const Kernels& own_kernels() {
  static const Kernels table = [] {
    Kernels filled;
    for (const auto fill : {fill_elementwise, fill_comparison, fill_reduction,  fill_scan,      fill_softmax,
                            fill_loss,        fill_layer_norm, fill_batch_norm, fill_indexing,  fill_pool,
                            fill_resize,      fill_windows,    fill_random,     fill_optimizer, fill_matmul,
                            fill_convolution, fill_attention,  fill_recurrent,  fill_resample,  fill_sorting})
      fill(filled);
    return filled;
  }();
  return table;
}

// Kernels that read and write every element type themselves.
bool takes_all_types(std::string_view name) {
  for (const std::string_view one : {"fill", "copy", "compare", "logic", "where", "take_rows", "gather", "scatter",
                                     "random_integers", "sort", "searchsorted", "bincount"})
    if (name == one) return true;
  return false;
}

// The others compute in float32, bfloat16 and float16; integers stand only where an index is expected.
template <class... Arguments>
bool computes(const Arguments&... arguments) {
  bool first = true, yes = true;
  (for_each_array(arguments,
                  [&](const Array& array) {
                    if (!array.defined()) return;
                    if (first && !is_floating(array.dtype())) yes = false;
                    first = false;
                  }),
   ...);
  return yes;
}
// Kernels that take integers for some of their functions.
template <class... Arguments>
bool computes_integers(const Arguments&...) {
  return false;
}
bool computes_integers(const Binary& f, const Array& a, const Array& b, const Out& y) {
  const auto whole = [](Dtype dtype) { return !is_floating(dtype) && dtype != Dtype::boolean; };
  return whole(a.dtype()) && whole(b.dtype()) && whole(y.array.dtype()) &&
         (std::holds_alternative<Add>(f) || std::holds_alternative<Subtract>(f) ||
          std::holds_alternative<Multiply>(f) || std::holds_alternative<Maximum>(f) ||
          std::holds_alternative<Minimum>(f));
}
// float64 arrays, beside the one that belongs to a kernel for float32: the sums over all parameters go to such a
// number, and the logarithms of what paths have gathered are kept so.
template <class... Arguments>
bool has_double(std::string_view name, const Arguments&... arguments) {
  int count = 0;
  (for_each_array(arguments,
                  [&](const Array& array) { count += array.defined() && array.dtype() == Dtype::float64 ? 1 : 0; }),
   ...);
  for (const std::string_view one : {"square_sum", "product_sum", "ctc_loss", "ctc_loss_backward"})
    if (name == one) return count > 1;
  return count > 0;
}

template <std::size_t family, std::size_t entry, class... Arguments>
void route(Kernel<void(Arguments...)>& kernel) {
  const auto& own = entry_of<family, entry>(own_kernels());
  if (own) {
    if (takes_all_types(own.name())) {
      kernel = own.pointer();
      return;
    }
    kernel = [](Arguments... arguments) {
      const auto& mine = entry_of<family, entry>(own_kernels());
      if ((computes(arguments...) && !has_double(mine.name(), arguments...)) || computes_integers(arguments...))
        return mine(arguments...);
      say_once<family, entry>(mine.name(), "of this element type there is no kernel here");
      run_on_host<family, entry>(arguments...);
    };
    return;
  }
  if (coverage_of(own.name()) != Coverage::host)
    throw InternalError({.where = own.name(), .what = "cuda/coverage.cpp says that it has a kernel here"});
  kernel = [](Arguments... arguments) {
    say_once<family, entry>(entry_of<family, entry>(own_kernels()).name(), "declared in cuda/coverage.cpp");
    run_on_host<family, entry>(arguments...);
  };
}

}  // namespace

const Kernels& cuda_kernels() {
  static const Kernels table = [] {
    Kernels filled;
    for_each_kernel(
        [&]<std::size_t family, std::size_t entry>() { route<family, entry>(entry_of<family, entry>(filled)); });
    return filled;
  }();
  return table;
}

}  // namespace joist::cuda
