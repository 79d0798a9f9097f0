#include <joist/core/ops.h>
#include <joist/optim/lab/surface.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace joist::lab {
namespace {

constexpr double pi = std::numbers::pi, e = std::numbers::e;
constexpr double bottomless = -std::numeric_limits<double>::infinity();

std::vector<Surface> all() {
  return {
      {.name = "rosenbrock",
       .formula = "(1 - x)² + 100 (y - x²)²",
       .lesson = "a bent valley: down to its floor is easy, along it is slow",
       .domain = {-2, 2, -1, 3},
       .start = {-1.5, 2},
       .minima = {{1, 1}},
       .rate = 1e-3,
       .value = [](const Tensor& x, const Tensor& y) { return square(1.0 - x) + 100.0 * square(y - square(x)); }},
      {.name = "ravine",
       .formula = "(x² + 100 y²) / 2",
       .lesson = "a straight valley 100 times steeper across than along: what momentum is for",
       .domain = {-11, 3, -2.5, 2.5},
       .start = {-10, 1},
       .minima = {{0, 0}},
       .rate = 1e-2,
       .value = [](const Tensor& x, const Tensor& y) { return 0.5 * square(x) + 50.0 * square(y); }},
      {.name = "bowl",
       .formula = "x² + y²",
       .lesson = "the easiest one: the gradient points at the minimum",
       .domain = {-3, 3, -3, 3},
       .start = {-2.5, 2},
       .minima = {{0, 0}},
       .rate = 1e-1,
       .value = [](const Tensor& x, const Tensor& y) { return square(x) + square(y); }},
      {.name = "rastrigin",
       .formula = "20 + x² - 10 cos 2πx + y² - 10 cos 2πy",
       .lesson = "about a hundred local minima: descent ends in the nearest",
       .domain = {-5.12, 5.12, -5.12, 5.12},
       .start = {-3.3, 2.6},
       .minima = {{0, 0}},
       .rate = 1e-3,
       .value =
           [](const Tensor& x, const Tensor& y) {
             return square(x) + square(y) - 10.0 * (cos(2 * pi * x) + cos(2 * pi * y)) + 20.0;
           }},
      {.name = "beale",
       .formula = "(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
       .lesson = "flat plains and steep corners",
       .domain = {-4.5, 4.5, -4.5, 4.5},
       .start = {1, 1.5},
       .minima = {{3, 0.5}},
       .rate = 1e-3,
       .value =
           [](const Tensor& x, const Tensor& y) {
             const Tensor square_y = square(y);
             return square(1.5 - x + x * y) + square(2.25 - x + x * square_y) + square(2.625 - x + x * square_y * y);
           }},
      {.name = "himmelblau",
       .formula = "(x² + y - 11)² + (x + y² - 7)²",
       .lesson = "four minima of the same depth: the start decides",
       .domain = {-6, 6, -6, 6},
       .start = {-0.5, -1},
       .minima = {{3, 2},
                  {-2.805118086952745, 3.131312518250573},
                  {-3.779310253377747, -3.283185991286170},
                  {3.584428340330492, -1.848126526964404}},
       .rate = 1e-3,
       .value = [](const Tensor& x,
                   const Tensor& y) { return square(square(x) + y - 11.0) + square(x + square(y) - 7.0); }},
      {.name = "ackley",
       .formula = "-20 exp(-0.2 √((x² + y²) / 2)) - exp((cos 2πx + cos 2πy) / 2) + e + 20",
       .lesson = "a funnel with waves; its tip has a corner",
       .domain = {-5, 5, -5, 5},
       .start = {-3.2, 2.3},
       .minima = {{0, 0}},
       .rate = 1e-2,
       .value =
           [](const Tensor& x, const Tensor& y) {
             // The tiny number keeps the slope finite at the tip.
             return -20.0 * exp(-0.2 * sqrt(0.5 * (square(x) + square(y)) + 1e-300)) -
                    exp(0.5 * (cos(2 * pi * x) + cos(2 * pi * y))) + (e + 20);
           }},
      {.name = "booth",
       .formula = "(x + 2y - 7)² + (2x + y - 5)²",
       .lesson = "a tilted bowl",
       .domain = {-10, 10, -10, 10},
       .start = {-8, 6},
       .minima = {{1, 3}},
       .rate = 1e-2,
       .value = [](const Tensor& x, const Tensor& y) { return square(x + 2.0 * y - 7.0) + square(2.0 * x + y - 5.0); }},
      {.name = "saddle",
       .formula = "x² - y² + y⁴ / 4",
       .lesson = "flat at the pass between two minima: started on its ridge, plain descent stays there long",
       .domain = {-2, 2, -2.5, 2.5},
       .start = {-1.5, 1e-6},
       .minima = {{0, 1.414213562373095}, {0, -1.414213562373095}},
       .lowest = -1,
       .rate = 5e-2,
       .value = [](const Tensor& x, const Tensor& y) { return square(x) - square(y) + 0.25 * square(square(y)); }},
      {.name = "monkey_saddle",
       .formula = "x³ - 3xy²",
       .lesson = "a saddle without curvature; there is no minimum",
       .domain = {-2, 2, -2, 2},
       .start = {1, 0.01},
       .lowest = bottomless,
       .rate = 1e-2,
       .value = [](const Tensor& x, const Tensor& y) { return square(x) * x - 3.0 * x * square(y); }},
      {.name = "styblinski_tang",
       .formula = "(x⁴ - 16x² + 5x + y⁴ - 16y² + 5y) / 2",
       .lesson = "one deep minimum and three shallow ones",
       .domain = {-5, 5, -5, 5},
       .start = {0.5, 1},
       .minima = {{-2.903534027771177, -2.903534027771177}},
       .lowest = -78.33233140754282,
       .rate = 1e-3,
       .value =
           [](const Tensor& x, const Tensor& y) {
             const auto one = [](const Tensor& t) { return square(square(t)) - 16.0 * square(t) + 5.0 * t; };
             return 0.5 * (one(x) + one(y));
           }},
      {.name = "goldstein_price",
       .formula = "(1 + (x + y + 1)² (19 - 14x + 3x² - 14y + 6xy + 3y²)) (30 + (2x - 3y)² (18 - 32x + 12x² + 48y - "
                  "36xy + 27y²))",
       .lesson = "heights over six orders of magnitude",
       .domain = {-2, 2, -2, 2},
       .start = {-1, 0.5},
       .minima = {{0, -1}},
       .lowest = 3,
       .rate = 1e-6,
       .value =
           [](const Tensor& x, const Tensor& y) {
             const Tensor a = 1.0 + square(x + y + 1.0) *
                                        (19.0 - 14.0 * x + 3.0 * square(x) - 14.0 * y + 6.0 * x * y + 3.0 * square(y));
             const Tensor b = 30.0 + square(2.0 * x - 3.0 * y) * (18.0 - 32.0 * x + 12.0 * square(x) + 48.0 * y -
                                                                  36.0 * x * y + 27.0 * square(y));
             return a * b;
           }},
      {.name = "three_hump_camel",
       .formula = "2x² - 1.05x⁴ + x⁶ / 6 + xy + y²",
       .lesson = "three minima, the middle one is the deepest",
       .domain = {-2.5, 2.5, -2.5, 2.5},
       .start = {-2, 1.5},
       .minima = {{0, 0}},
       .rate = 1e-2,
       .value =
           [](const Tensor& x, const Tensor& y) {
             const Tensor s = square(x);
             return 2.0 * s - 1.05 * square(s) + s * s * s / 6.0 + x * y + square(y);
           }},
  };
}

}  // namespace

Tensor Surface::operator()(const Tensor& point) const { return value(slice(point, 0, 0, 1), slice(point, 0, 1, 2)); }

const std::vector<Surface>& surfaces() {
  static const std::vector<Surface> list = all();
  return list;
}

}  // namespace joist::lab
