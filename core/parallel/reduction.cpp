#include <joist/core/error.h>
#include <joist/core/parallel/reduction.h>

#include <string>
#include <type_traits>

namespace joist::parallel {
namespace {

template <class T>
void reduce_typed(void* into, const void* from, std::int64_t elements, Reduce reduce) {
  T* a = static_cast<T*>(into);
  const T* b = static_cast<const T*>(from);
  const auto combine = [&](auto&& rule) {
    for (std::int64_t i = 0; i < elements; ++i) a[i] = rule(a[i], b[i]);
  };
  switch (reduce) {
    case Reduce::sum:
      if constexpr (std::is_integral_v<T>) {
        using Unsigned = std::make_unsigned_t<T>;  // wraps, as sums of signed numbers may not
        combine([](T x, T y) { return static_cast<T>(static_cast<Unsigned>(x) + static_cast<Unsigned>(y)); });
      } else {
        combine([](T x, T y) { return x + y; });
      }
      return;
    case Reduce::max: combine([](T x, T y) { return x > y || x != x ? x : y; }); return;
    case Reduce::min: combine([](T x, T y) { return x < y || x != x ? x : y; }); return;
  }
}

}  // namespace

void reduce_into(void* into, const void* from, std::int64_t elements, Dtype dtype, Reduce reduce) {
  switch (dtype) {
    case Dtype::float32: return reduce_typed<float>(into, from, elements, reduce);
    case Dtype::float64: return reduce_typed<double>(into, from, elements, reduce);
    case Dtype::int64: return reduce_typed<std::int64_t>(into, from, elements, reduce);
    case Dtype::int32: return reduce_typed<std::int32_t>(into, from, elements, reduce);
    case Dtype::int8: return reduce_typed<std::int8_t>(into, from, elements, reduce);
    case Dtype::uint8: return reduce_typed<std::uint8_t>(into, from, elements, reduce);
    default: break;
  }
  throw DtypeError({.where = "reduction over ranks", .what = std::string(name_of(dtype)) + " is not reduced"});
}

}  // namespace joist::parallel
