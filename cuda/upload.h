// Batches to the GPU beside its kernels: what core/upload.h asks for.
#pragma once

#include <joist/core/upload.h>

#include <memory>

namespace joist::cuda {

std::unique_ptr<Uploader> make_uploader();

}  // namespace joist::cuda
