// Muon: momentum whose matrices are made orthogonal.
#pragma once

#include <joist/core/tensor.h>
#include <joist/optim/groupwise.h>

#include <map>

namespace joist {

struct MuonOptions {
  double lr = 1e-3;
  double weight_decay = 0.1;  ///< decoupled, by the rate that is not adjusted to the shape
  double momentum = 0.95;
  bool nesterov = true;
  double eps = 1e-7;
  std::int64_t ns_steps = 5;
  std::string adjust_lr_fn = "original";  ///< "match_rms_adamw", "spectral_unclamped"
  double other_lr = 3e-4;                 ///< AdamW's, of the parameters that are no matrices; scheduled as lr
  double other_weight_decay = 0;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "muon";
  OptionTable table();
};

/// torch.optim.Muon (Jordan 2024) for parameters of two axes. Beyond torch's, which refuses all others: kernels of
/// convolutions count as matrices [out, rest], and parameters of fewer axes are updated by AdamW with other_lr.
/// The iteration runs in the parameters' type; torch's rounds it to bfloat16.
class Muon final : public Groupwise<MuonOptions> {
 public:
  explicit Muon(FlatParameters& parameters, const MuonOptions& options = {}, GroupOptions<MuonOptions> own = {});

 private:
  void update(std::size_t group, const MuonOptions& options) override;
  void update_matrix(const FlatParameters::Slice& slice, const MuonOptions& options);
  void update_other(const FlatParameters::Slice& slice, const MuonOptions& options, double rate_factor);

  std::vector<double> first_lr_{};  // of the groups
  Array momentum_;
  std::map<std::string, Array> second_moment_{};  // of the parameters that are no matrices
};

/// Newton-Schulz iteration towards the orthogonal factor of a matrix [m, n]: singular values go to about 1 (0.7
/// to 1.2).
Tensor orthogonalized(const Tensor& matrix, std::int64_t steps = 5, double eps = 1e-7);

}  // namespace joist
