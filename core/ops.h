// The differentiable functions. One file per family in core/ops/ holds shape check, forward and backward.
// Names and semantics are PyTorch's. Functions throw ShapeError before any work when shapes do not fit.
#pragma once

#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/attention.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/convolution.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/detection.h>
#include <joist/core/ops/dropout.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/embedding.h>
#include <joist/core/ops/fourier.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/linalg.h>
#include <joist/core/ops/loss.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/normalization.h>
#include <joist/core/ops/pooling.h>
#include <joist/core/ops/recurrent.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/resize.h>
#include <joist/core/ops/scan.h>
#include <joist/core/ops/softmax.h>
#include <joist/core/ops/sorting.h>
#include <joist/core/ops/windows.h>
