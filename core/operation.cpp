#include <joist/core/operation.h>

namespace joist {

const char* name_of(Op op) noexcept {
  static constexpr std::array<const char*, op_count> names{
#define JOIST_NAME(name) #name,
      JOIST_OPERATIONS(JOIST_NAME)
#undef JOIST_NAME
  };
  return names[static_cast<std::size_t>(op)];
}

}  // namespace joist
