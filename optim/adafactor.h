// Adafactor: Adam's second moment as a row times a column.
#pragma once

#include <joist/optim/groupwise.h>

namespace joist {

struct AdafactorOptions {
  double lr = 1e-2;  ///< upper bound of the relative rate 1 / √t
  double beta2_decay = -0.8;
  double eps1 = 0;          ///< least mean of squares; 0: the machine epsilon of the parameters' type
  double eps2 = 1e-3;       ///< least magnitude of a parameter, for its rate
  double d = 1;             ///< largest root mean square of an update
  double weight_decay = 0;  ///< decoupled
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "adafactor";
  OptionTable table();
};

/// torch.optim.Adafactor (Shazeer and Stern 2018). The last two axes of a parameter are factored.
class Adafactor final : public Groupwise<AdafactorOptions> {
 public:
  explicit Adafactor(FlatParameters& parameters, const AdafactorOptions& options = {},
                     GroupOptions<AdafactorOptions> own = {});

 private:
  struct Memory {
    Array rows{}, columns{}, whole{};  ///< [..., m, 1] and [..., 1, n], or as the parameter
  };
  void update(std::size_t group, const AdafactorOptions& options) override;
  void update_one(const FlatParameters::Slice& slice, const Memory& memory, const AdafactorOptions& options);

  std::vector<Memory> memory_{};  // of all slices
};

}  // namespace joist
