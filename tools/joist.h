// All of joist for a user's program: #include <joist/joist.h>.
#pragma once

#include <joist/core/error.h>
#include <joist/core/ops.h>
#include <joist/core/tensor.h>
