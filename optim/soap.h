// SOAP: Adam in the eigenbasis of Shampoo's two matrices.
#pragma once

#include <joist/core/tensor.h>
#include <joist/optim/groupwise.h>

#include <vector>

namespace joist {

struct SoapOptions {
  double lr = 3e-3;
  double beta1 = 0.95;
  double beta2 = 0.95;
  double shampoo_beta = 0;  ///< of the two matrices; 0: beta2
  double eps = 1e-8;
  double weight_decay = 1e-2;                 ///< decoupled
  std::int64_t precondition_frequency = 10;   ///< steps between two looks for the basis
  std::int64_t max_precondition_dim = 10000;  ///< longer axes keep their own basis
  bool correct_bias = true;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "soap";
  OptionTable table();
};

/// SOAP (Vyas et al. 2024), as in pytorch-optimizer 4.1.0 for matrices. Kernels of convolutions count as matrices [out,
/// rest]; parameters of fewer axes are Adam's. The first step only looks and moves nothing. Memory per matrix [m, n]:
/// 2 m² + 2 n² beside Adam's.
class Soap final : public Groupwise<SoapOptions> {
 public:
  explicit Soap(FlatParameters& parameters, const SoapOptions& options = {}, GroupOptions<SoapOptions> own = {});

 private:
  struct Side {  // undefined where the axis keeps its basis
    Array outer{}, basis{};
  };
  struct Memory {
    Side rows{}, columns{};
    std::int64_t m = 0, n = 1;
  };
  void update(std::size_t group, const SoapOptions& options) override;
  void move(const FlatParameters::Slice& slice, const Memory& memory, const Tensor& gradient,
            const SoapOptions& options);
  void look(const FlatParameters::Slice& slice, const Memory& memory, const Tensor& gradient,
            const SoapOptions& options);

  Array first_moment_, second_moment_;
  std::vector<Memory> memory_{};  // of all slices
};

}  // namespace joist
