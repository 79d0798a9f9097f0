// Fourier transforms, PyTorch's torch.fft. Complex tensors are real ones with a last axis of 2 (real, imaginary), as
// torch.view_as_real shows them; axes of complex tensors are counted without it: [batch, n, 2] has the axes 0 and 1.
//
// ShapeError: no last axis of 2, no elements along an axis, an axis twice. UsageError: n below 1.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/convolution.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace joist {

/// Which way divides: backward: the inverse by n; ortho: both by √n; forward: the forward way by n.
enum class FourierNorm : std::uint8_t { backward, ortho, forward };

struct FourierOptions {
  std::optional<std::int64_t> n{};  ///< cut, or filled with zeros, to this length first
  int axis = -1;
  FourierNorm norm = FourierNorm::backward;
};
/// complex [..., n, 2] -> complex: y[k] = Σ_j x[j] exp(-2πi jk/n), and back.
Tensor fft(const Tensor& z, const FourierOptions& options = {});
Tensor ifft(const Tensor& z, const FourierOptions& options = {});
/// real [..., n] -> complex [..., n/2 + 1, 2]: the half that determines the rest.
Tensor rfft(const Tensor& x, const FourierOptions& options = {});
/// The way back, to a real [..., n]; n: by default 2 (length - 1), give it for odd lengths.
Tensor irfft(const Tensor& z, const FourierOptions& options = {});

struct FourierAxes {
  std::vector<std::int64_t> size{};  ///< one per axis; empty: as they are
  std::vector<int> axes{-2, -1};     ///< of the real transforms the last one is halved
  FourierNorm norm = FourierNorm::backward;
};
/// Over two axes, or as many as given.
Tensor fft2(const Tensor& z, const FourierAxes& options = {});
Tensor ifft2(const Tensor& z, const FourierAxes& options = {});
Tensor rfft2(const Tensor& x, const FourierAxes& options = {});
Tensor irfft2(const Tensor& z, const FourierAxes& options = {});

/// Frequencies [n] in cycles per unit of the spacing: 0, 1, …, -1 over n · spacing; rfft's: 0 … n/2.
Tensor fftfreq(std::int64_t n, double spacing = 1);
Tensor rfftfreq(std::int64_t n, double spacing = 1);
/// Frequency 0 to the middle of the axes (by default all), and back. `complex`: the last axis of 2 is left alone.
Tensor fftshift(const Tensor& x, const std::vector<int>& axes = {}, bool complex = false);
Tensor ifftshift(const Tensor& x, const std::vector<int>& axes = {}, bool complex = false);

// ---- complex numbers ------------------------------------------------------------------------------------------------
/// [...] and [...] (undefined: 0) -> [..., 2].
Tensor complex(const Tensor& real, const Tensor& imaginary = {});
/// magnitude · exp(i angle) -> [..., 2].
Tensor polar(const Tensor& magnitude, const Tensor& angle);
/// [..., 2] -> [...].
Tensor real(const Tensor& z);
Tensor imag(const Tensor& z);
/// |z|, with gradient 0 at 0, and the angle in (-π, π].
Tensor complex_abs(const Tensor& z);
Tensor complex_angle(const Tensor& z);
Tensor complex_conj(const Tensor& z);
/// Operands broadcast.
Tensor complex_mul(const Tensor& a, const Tensor& b);
Tensor complex_div(const Tensor& a, const Tensor& b);

// ---- convolution through the transform ------------------------------------------------------------------------------
/// How much of the linear convolution of lengths n and m comes back: n + m - 1; the middle n; max(n, m) - min(n, m) + 1
/// where they overlap fully.
enum class ConvolveMode : std::uint8_t { full, same, valid };
/// y[k] = Σ_j a[j] b[k - j] over the last axis (the last two); leading axes broadcast. As torchaudio's fftconvolve.
Tensor fft_convolve(const Tensor& a, const Tensor& b, ConvolveMode mode = ConvolveMode::full);
Tensor fft_convolve2d(const Tensor& a, const Tensor& b, ConvolveMode mode = ConvolveMode::full);
/// With b reversed: y[k] = Σ_j a[k + j] b[j], cross-correlation, what deep learning calls convolution.
Tensor fft_correlate(const Tensor& a, const Tensor& b, ConvolveMode mode = ConvolveMode::full);
Tensor fft_correlate2d(const Tensor& a, const Tensor& b, ConvolveMode mode = ConvolveMode::full);
/// conv2d through the transform: pays for large windows. Throws UnsupportedError for groups and dilation.
Tensor fft_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                  const ConvolutionOptions& options = {});

// ---- short-time transform -------------------------------------------------------------------------------------------
struct StftOptions {
  std::int64_t n_fft = 400;
  std::int64_t hop = 0;     ///< samples from frame to frame; 0: n_fft / 4
  bool center = true;       ///< frame k is centred on sample k · hop; zeros stand before and after the signal
  bool normalized = false;  ///< divides by √n_fft
};
/// Spectra of windowed frames of a signal: x [..., samples], window [n_fft] (undefined: ones) -> complex
/// [..., n_fft/2 + 1, frames, 2], as torch.stft(onesided=True, pad_mode="constant").
Tensor stft(const Tensor& x, const Tensor& window = {}, const StftOptions& options = {});
/// The signal of which that is the stft, [..., length] (length 0: as long as the frames determine). Throws UsageError
/// where the windows leave a sample uncovered.
Tensor istft(const Tensor& z, const Tensor& window = {}, const StftOptions& options = {}, std::int64_t length = 0);

}  // namespace joist
