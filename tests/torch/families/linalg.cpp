// Linear algebra and Fourier transforms. Of factorizations with free signs magnitudes are compared (make_database.py).
#include <joist/core/ops/axes.h>
#include <joist/tests/torch/families/families.h>

#include <algorithm>
#include <numeric>

namespace joist::torchdb {
namespace {

RankTolerance tolerance_of(const Args& c) {
  RankTolerance tolerance;
  for (const char* name : {"atol", "rtol"})
    if (c.has(-1, name) && !c.is_number(-1, name) && c.tensor(-1, name).value().elements() != 1)
      throw Unsupported("a tolerance for each matrix");
  if (c.has(-1, "atol")) tolerance.atol = c.number(-1, "atol");
  if (c.has(-1, "rtol")) tolerance.rtol = c.number(-1, "rtol");
  return tolerance;
}

void add_solving(Table& table) {
  table.add("linalg.solve", [](Call& c) { return solve(c.tensor(0), c.tensor(1), c.flag(-1, "left", true)); });
  table.add("linalg.solve_triangular", [](Call& c) {
    return solve_triangular(c.tensor(0), c.tensor(1),
                            {.upper = c.flag(-1, "upper", false),
                             .left = c.flag(-1, "left", true),
                             .unitriangular = c.flag(-1, "unitriangular", false)});
  });
  table.add("linalg.inv", [](Call& c) { return inverse(c.tensor(0)); });
  table.add("linalg.det", [](Call& c) { return det(c.tensor(0)); });
  table.add("logdet", [](Call& c) { return logdet(c.tensor(0)); });
  table.add("linalg.slogdet", [](Call& c) {
    const SignAndLogarithm result = slogdet(c.tensor(0));
    return std::pair{result.sign, result.logabsdet};
  });
  table.add("linalg.cholesky", [](Call& c) { return cholesky(c.tensor(0), c.flag(-1, "upper", false)); });
  table.add("cholesky_solve",
            [](Call& c) { return cholesky_solve(c.tensor(0), c.tensor(1), c.flag(2, "upper", false)); });
  table.add("cholesky_inverse", [](Call& c) { return cholesky_inverse(c.tensor(0), c.flag(1, "upper", false)); });
  table.add("linalg.lstsq.grad_oriented", [](Call& c) {
    (void)c.text(-1, "driver", "");
    if (c.tensor(0).shape(-2) > c.tensor(0).shape(-1)) throw Unsupported("the gradient of residuals");
    const LeastSquares result = lstsq(c.tensor(0), c.tensor(1));
    return std::pair{result.solution, result.residuals};
  });
  table.add("pinverse linalg.pinv", [](Call& c) { return pinv(c.tensor(0), tolerance_of(c)); });
  table.add("linalg.pinv.singular", [](Call& c) { return pinv(matmul(c.tensor(0), transpose(c.tensor(1), -2, -1))); });
  table.add("linalg.matrix_rank linalg.matrix_rank.hermitian", [](Call& c) {
    (void)c.flag(-1, "hermitian", false);  // the same number
    return matrix_rank(c.tensor(0), tolerance_of(c));
  });
}

// Vectors that belong to a singular value; what full matrices hold besides is not determined.
std::vector<Tensor> shared_vectors(const SVD& result, const Tensor& vh) {
  const std::int64_t count = result.s.shape(-1);
  return {abs(narrow(result.u, -1, 0, count)), result.s, abs(narrow(vh, -2, 0, count))};
}

void add_factors(Table& table) {
  table.add("linalg.qr", [](Call& c) {
    const QR result = qr(c.tensor(0), c.text(1, "mode", "reduced") == "complete");
    return std::pair{abs(result.q), abs(result.r)};
  });
  table.add("linalg.svd", [](Call& c) {
    const SVD result = svd(c.tensor(0), c.flag(1, "full_matrices", true));
    return shared_vectors(result, result.vh);
  });
  table.add("svd", [](Call& c) {
    const SVD result = svd(c.tensor(0), !c.flag(1, "some", true));
    auto parts = shared_vectors(result, result.vh);
    parts[2] = transpose(parts[2], -2, -1);
    return parts;
  });
  table.add("linalg.svdvals", [](Call& c) { return svdvals(c.tensor(0)); });
  table.add("linalg.eigh", [](Call& c) {
    const EigenPairs result = eigh(c.tensor(0), c.text(1, "UPLO", "L") == "U");
    return std::pair{result.values, abs(result.vectors)};
  });
  table.add("linalg.eigvalsh", [](Call& c) { return eigvalsh(c.tensor(0), c.text(1, "UPLO", "L") == "U"); });
}

void add_powers(Table& table) {
  table.add("linalg.matrix_norm linalg.norm linalg.norm.subgradients_at_zero", [](Call& c) {
    const Tensor x = c.tensor(0);
    const bool keep = c.flag(3, "keepdim", false);
    auto axes = c.axes(2, "dim");
    const bool named = c.at(1, "ord").kind == Value::Kind::text;
    if (!c.has(1, "ord")) return vector_norm(x, 2, axes.empty() ? all_axes(x) : axes, keep);
    if (axes.empty()) axes = all_axes(x);
    if (axes.size() == 1) return vector_norm(x, c.number(1, "ord"), axes, keep);
    if (axes.size() != 2) throw Unsupported("norm over " + std::to_string(axes.size()) + " axes");
    for (int& axis : axes) axis = x.shape().axis(axis);
    const Tensor matrices = movedim(x, axes, std::vector<int>{-2, -1});
    const Tensor norm =
        named ? matrix_norm(matrices, c.text(1, "ord", "fro")) : matrix_norm(matrices, c.number(1, "ord"));
    return keep ? unsqueeze(unsqueeze(norm, std::min(axes[0], axes[1])), std::max(axes[0], axes[1])) : norm;
  });
  table.add("linalg.cond", [](Call& c) { return cond(c.tensor(0), c.number(1, "p", 2)); });
  table.add("linalg.matrix_power", [](Call& c) { return matrix_power(c.tensor(0), c.integer(1, "n")); });
  table.add("matrix_exp", [](Call& c) { return matrix_exp(c.tensor(0)); });
}

// ---- Fourier transforms: complex tensors carry a last axis of 2
// ------------------------------------------------------
Tensor as_complex(const Args& c) {
  if (c.at(0).complex) return c.tensor(0);
  const Tensor x = c.tensor(0);
  return complex(is_floating(x.dtype()) ? x : to(x, Dtype::float32));
}
Tensor as_real(const Args& c) {
  const Tensor x = c.tensor(0);
  return is_floating(x.dtype()) ? x : to(x, Dtype::float32);
}
FourierNorm norm_of(const Args& c) {
  const std::string name = c.text(3, "norm", "backward");
  return name == "ortho" ? FourierNorm::ortho : name == "forward" ? FourierNorm::forward : FourierNorm::backward;
}

using One = Tensor (*)(const Tensor&, const FourierOptions&);
using Several = Tensor (*)(const Tensor&, const FourierAxes&);

void add_one(Table& table, const std::string& name, One function, bool complex_input) {
  table.add("fft." + name, [=](Call& c) {
    FourierOptions options{.axis = c.axis(2, "dim", -1), .norm = norm_of(c)};
    if (c.has(1, "n")) options.n = c.integer(1, "n");
    return function(complex_input ? as_complex(c) : as_real(c), options);
  });
}
void add_several(Table& table, const std::string& name, Several function, bool complex_input, bool all) {
  table.add("fft." + name, [=](Call& c) {
    FourierAxes options{.size = c.integers(1, "s"), .norm = norm_of(c)};
    const Tensor x = complex_input ? as_complex(c) : as_real(c);
    const int rank = x.rank() - (complex_input ? 1 : 0);
    if (c.has(2, "dim")) {
      options.axes = c.axes(2, "dim");
    } else if (all) {  // all axes, or the last ones that have a size
      const int count = options.size.empty() ? rank : static_cast<int>(options.size.size());
      options.axes.resize(static_cast<std::size_t>(count));
      std::iota(options.axes.begin(), options.axes.end(), -count);
    }
    return function(x, options);
  });
}

void add_fourier(Table& table) {
  add_one(table, "fft", fft, true);
  add_one(table, "ifft", ifft, true);
  add_one(table, "rfft", rfft, false);
  add_one(table, "irfft", irfft, true);
  add_several(table, "fft2", fft2, true, false);
  add_several(table, "ifft2", ifft2, true, false);
  add_several(table, "rfft2", rfft2, false, false);
  add_several(table, "irfft2", irfft2, true, false);
  add_several(table, "fftn", fft2, true, true);
  add_several(table, "ifftn", ifft2, true, true);
  add_several(table, "rfftn", rfft2, false, true);
  add_several(table, "irfftn", irfft2, true, true);
  table.add("fft.fftshift", [](Call& c) { return fftshift(c.tensor(0), c.axes(1, "dim"), c.at(0).complex); });
  table.add("stft", [](Call& c) {
    if (c.at(0).complex) throw Unsupported("a complex signal");
    if (!c.flag(-1, "onesided", true)) throw Unsupported("two-sided spectra");
    (void)c.flag(-1, "return_complex", true);
    StftOptions options{.n_fft = c.integer(1, "n_fft"),
                        .hop = c.integer(2, "hop_length", 0),
                        .center = false,
                        .normalized = c.flag(-1, "normalized", false)};
    Tensor x = c.tensor(0);
    if (!c.flag(-1, "center", true)) return stft(x, c.maybe(-1, "window"), options);
    // PyTorch's frames at the ends see the signal reflected, joist's see zeros unless it is padded first.
    const std::int64_t side = options.n_fft / 2;
    const bool vector = x.rank() == 1;
    x = pad(unsqueeze(vector ? unsqueeze(x, 0) : x, 0), {side, side}, PadMode::reflect);
    const Tensor y = squeeze(stft(x, c.maybe(-1, "window"), options), 0);
    return vector ? squeeze(y, 0) : y;
  });
  table.add("istft", [](Call& c) {
    if (!c.flag(-1, "onesided", true)) throw Unsupported("two-sided spectra");
    if (c.flag(-1, "return_complex", false)) throw Unsupported("a complex signal");
    const StftOptions options{.n_fft = c.integer(1, "n_fft"),
                              .hop = c.integer(2, "hop_length", 0),
                              .center = c.flag(-1, "center", true),
                              .normalized = c.flag(-1, "normalized", false)};
    return istft(c.tensor(0), c.maybe(-1, "window"), options, c.integer(-1, "length", 0));
  });
  table.add("fft.ifftshift", [](Call& c) { return ifftshift(c.tensor(0), c.axes(1, "dim"), c.at(0).complex); });
}

}  // namespace

void add_linalg(Table& table) {
  table.family("linalg");
  add_solving(table);
  add_factors(table);
  add_powers(table);
  table.family("fourier");
  add_fourier(table);
}

}  // namespace joist::torchdb
