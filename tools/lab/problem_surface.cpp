// Surfaces of two variables, and quadratic_deep.
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/optim/lab/quadratic.h>
#include <joist/optim/lab/surface.h>
#include <joist/tools/lab/problems.h>

namespace joist::lab {
namespace {

struct SurfaceSettings {
  double x = 0, y = 0;
  bool random_start = false;
  double noise = 0;

  OptionTable table(const Choice&) {
    return {{"x", x, any_number}, {"y", y, any_number}, {"random_start", random_start}, {"noise", noise, not_negative}};
  }
};

class SurfaceProblem final : public Problem {
 public:
  SurfaceProblem(const Surface& surface, const SurfaceSettings& settings, std::uint64_t seed)
      : surface_(surface), noise_(settings.noise), seed_(seed) {
    double x = settings.x, y = settings.y;
    if (settings.random_start) {
      Random random({.seed = seed, .stream = Stream::init});
      const auto between = [&](double low, double high) { return low + (high - low) * double{random.uniform()}; };
      x = between(surface.domain[0], surface.domain[1]);
      y = between(surface.domain[2], surface.domain[3]);
    }
    point_ = Parameter(Array::from(std::vector<double>{x, y}, {2}));
    fields_ = {{"point", point_, true}};
  }

  // The noise is a random slope, constant over the plane: gradients of a batch are the true ones plus normal numbers.
  Tensor loss(std::int64_t batch) override {
    const Tensor value = sum(surface_(point_));
    if (noise_ == 0) return value;
    Random random({.seed = seed_, .stream = Stream::noise, .step = static_cast<std::uint32_t>(batch)});
    const double a = noise_ * double{random.normal()}, b = noise_ * double{random.normal()};
    return value + sum(point_ * Tensor(Array::from(std::vector<double>{a, b}, {2})));
  }
  Measure test() override {
    const NoGradient quiet;
    return {.loss = sum(surface_(point_)).item()};
  }
  std::optional<double> lowest() const override {
    return std::isfinite(surface_.lowest) ? std::optional(surface_.lowest) : std::nullopt;
  }
  const char* measure() const override { return "value"; }

 private:
  const Surface& surface_;
  double noise_;
  std::uint64_t seed_;
  Parameter point_{};
};

struct QuadraticSettings {
  std::int64_t batch = QuadraticDeep::batch;
  bool fixed_order = true;
  std::string precision = "float32";

  OptionTable table(const Choice&) {
    return {{"batch", batch, {.low = 0, .high = 1000, .with_high = true}},
            {"fixed_order", fixed_order},
            {"precision", precision, {"float32", "float64"}}};
  }
};

class QuadraticProblem final : public Problem {
 public:
  QuadraticProblem(const QuadraticSettings& settings, std::uint64_t seed)
      : order_(QuadraticDeep::samples, settings.batch, seed, settings.fixed_order),
        train_(in(data_.train, settings)),
        test_(in(data_.test, settings)),
        hessian_(in(data_.hessian, settings)),
        point_(ones({QuadraticDeep::dimensions}, train_.dtype()).value()) {
    fields_ = {{"theta", point_, true}};
  }
  Tensor loss(std::int64_t batch) override {
    const Array rows = order_.indices(batch);
    return half_square(rows.defined() ? index_select(train_, rows) : train_);
  }
  Measure test() override {
    const NoGradient quiet;
    return {.loss = half_square(test_).item()};
  }
  std::int64_t batches() const override { return order_.batches(); }
  std::int64_t batch_size() const override { return order_.batch(); }

 private:
  Tensor half_square(const Tensor& x) const {
    const Tensor d = reshape(point_, {1, QuadraticDeep::dimensions}) - x;
    return 0.5 * mean(sum(d * matmul(d, hessian_), 1));
  }
  static Tensor in(const Array& array, const QuadraticSettings& settings) {
    return to(Tensor(array), settings.precision == "float64" ? Dtype::float64 : Dtype::float32);
  }
  const QuadraticDeep& data_ = quadratic_deep();
  BatchOrder order_;
  Tensor train_, test_, hessian_;
  Parameter point_;
};

}  // namespace

std::vector<ProblemKind> surface_problems() {
  std::vector<ProblemKind> kinds;
  for (const Surface& surface : surfaces()) {
    const SurfaceSettings defaults{.x = surface.start[0], .y = surface.start[1]};
    kinds.push_back({.info = {.name = surface.name,
                              .help = surface.formula + ": " + surface.lesson,
                              .settings = settings_of(defaults)},
                     .make = [&surface, defaults](const Choice& choice, std::uint64_t seed) {
                       return std::make_unique<SurfaceProblem>(surface, options_from(defaults, choice), seed);
                     }});
  }
  return kinds;
}

std::vector<ProblemKind> quadratic_problems() {
  return {{.info = {.name = "quadratic_deep",
                    .help = "DeepOBS' noisy quadratic of 100 dimensions with a known Hessian",
                    .settings = settings_of(QuadraticSettings{})},
           .make = [](const Choice& choice, std::uint64_t seed) {
             return std::make_unique<QuadraticProblem>(options_from(QuadraticSettings{}, choice), seed);
           }}};
}

}  // namespace joist::lab
