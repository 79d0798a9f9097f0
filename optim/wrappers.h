// Optimizers around another one: SAM, Lookahead, cautious masking, gradient centralization.
#pragma once

#include <joist/optim/optimizer.h>

#include <memory>

namespace joist {

/// Settings, mode and state are those of the optimizer inside, together with the wrapper's own.
class Wrapper : public Optimizer {
 public:
  Optimizer& inner() noexcept { return *inner_; }
  bool needs_closure() const noexcept override { return inner_->needs_closure(); }
  bool joins_late() const noexcept override { return inner_->joins_late(); }
  void eval() override { inner_->eval(); }
  void train() override { inner_->train(); }
  bool evaluating() const noexcept override { return inner_->evaluating(); }
  std::vector<GroupSettings>& groups() noexcept override { return inner_->groups(); }
  /// The wrapper's as "<wrapper>:<option>", then the inner optimizer's.
  std::vector<OptimizerOption> options() const override;

 protected:
  /// `name` stands before the inner optimizer's kind: "sam:sgd".
  Wrapper(const std::string& name, std::unique_ptr<Optimizer> inner);
  virtual OptionTable own_options() const = 0;
  std::vector<NamedState> more_state() const override;
  void load_more(std::span<const NamedState> arrays) override;

 private:
  std::string name_;
  std::unique_ptr<Optimizer> inner_;
};

struct SamOptions {
  double rho = 0.05;      ///< how far up the slope to look
  bool adaptive = false;  ///< in proportion to each weight (Kwon et al. 2021)

  static constexpr const char* name = "sam";
  OptionTable table();
};
/// SAM (Foret et al. 2021): the inner optimizer's step, by the gradient at p + rho · g / |g|. Two evaluations per step.
class Sam final : public Wrapper {
 public:
  explicit Sam(std::unique_ptr<Optimizer> inner, const SamOptions& options = {});
  bool needs_closure() const noexcept override { return true; }

 private:
  void advance() override {}
  double minimize(const Closure& closure) override;
  OptionTable own_options() const override;
  SamOptions options_;
};

struct LookaheadOptions {
  std::int64_t k = 5;  ///< steps of the inner optimizer to one of the slow weights
  double alpha = 0.5;

  static constexpr const char* name = "lookahead";
  OptionTable table();
};
/// Lookahead (Zhang et al. 2019): every k steps slow += alpha · (p - slow), and p = slow.
class Lookahead final : public Wrapper {
 public:
  explicit Lookahead(std::unique_ptr<Optimizer> inner, const LookaheadOptions& options = {});

 private:
  void advance() override;
  double minimize(const Closure& closure) override;
  void begin();
  void synchronize();
  OptionTable own_options() const override;
  LookaheadOptions options_;
  Array slow_;
};

struct CautiousOptions {
  double least = 1e-3;  ///< least share of a parameter's numbers that is taken to move, for the factor

  static constexpr const char* name = "cautious";
  OptionTable table();
};
/// Cautious masking (Liang et al. 2024): where the inner optimizer's step and the gradient disagree in sign, the number
/// stays; the rest of the parameter moves the more, by 1 / max(share, least). Decoupled weight decay is part of the
/// step.
class Cautious final : public Wrapper {
 public:
  explicit Cautious(std::unique_ptr<Optimizer> inner, const CautiousOptions& options = {});

 private:
  void advance() override;
  OptionTable own_options() const override;
  CautiousOptions options_;
};

struct CentralizedOptions {
  static constexpr const char* name = "centralized";
  OptionTable table() { return {}; }
};
/// Gradient centralization (Yong et al. 2020) before each step; see centralize_gradients() in regularize.h.
class Centralized final : public Wrapper {
 public:
  explicit Centralized(std::unique_ptr<Optimizer> inner, const CentralizedOptions& options = {});

 private:
  void advance() override;
  OptionTable own_options() const override { return {}; }
};

}  // namespace joist
