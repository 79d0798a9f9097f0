#include <joist/core/cpu/kernels.h>

namespace joist {

void fill_ctc(Kernels&) {}

}  // namespace joist
