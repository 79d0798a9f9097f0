#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/optim/vectors.h>
#include <joist/tools/lab/landscape.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

Array direction(const FlatParameters& parameters, std::uint64_t seed, std::uint32_t draw) {
  const Array u = parameters.zeros();
  std::uint32_t call = 0;
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    ++call;
    if (slice.tensor.rank() < 2) continue;
    const Array part = vector_of(u, slice), own = vector_of(parameters.values(), slice);
    kernels(part).random.normal({.seed = seed, .stream = Stream::noise, .step = 0x1a5d, .draw = draw, .call = call}, 0,
                                1, part);
    const std::int64_t filters = slice.tensor.shape(0), length = slice.elements / std::max<std::int64_t>(filters, 1);
    for (std::int64_t i = 0; i < filters; ++i) {
      const Array filter = part.sliced(0, i * length, (i + 1) * length);
      const double size = norm(filter);
      scale(size > 0 ? norm(own.sliced(0, i * length, (i + 1) * length)) / size : 0, filter, filter);
    }
  }
  return u;
}

}  // namespace

std::string landscape_of(Problem& problem, FlatParameters& parameters, std::uint64_t seed) {
  constexpr std::int64_t side = 21, batches = 2;
  constexpr double radius = 1;
  const NoGradient quiet;
  const Recomputing context(run_context());  // random numbers go on afterwards as if nothing had been
  const Array centre = copy_of(parameters.values());
  const Array across = direction(parameters, seed, 1), up = direction(parameters, seed, 2);
  std::vector<double> values;
  double rise = 0, middle = 0;
  for (std::int64_t i = 0; i < side; ++i)
    for (std::int64_t j = 0; j < side; ++j) {
      const double a = radius * (2 * static_cast<double>(j) / (side - 1) - 1);
      const double b = radius * (2 * static_cast<double>(i) / (side - 1) - 1);
      assign(centre, parameters.values());
      add(a, across, parameters.values());
      add(b, up, parameters.values());
      parameters.values_written();
      double loss = 0;
      const std::int64_t count = std::min(problem.batches(), batches);
      for (std::int64_t batch = 0; batch < count; ++batch) {
        seed_step(seed, batch);
        loss += problem.loss(batch).item();
      }
      values.push_back(static_cast<double>(static_cast<float>(loss / static_cast<double>(count))));
    }
  middle = values[static_cast<std::size_t>(side * side / 2)];
  for (std::int64_t i = 0; i < side; ++i)
    for (std::int64_t j = 0; j < side; ++j)
      if (std::max(std::abs(i - side / 2), std::abs(j - side / 2)) <= 1)
        rise = std::max(rise, values[static_cast<std::size_t>(i * side + j)] - middle);
  assign(centre, parameters.values());
  parameters.values_written();
  Json list = Json::array();
  for (const double value : values) list.push_back(std::isfinite(value) ? Json(value) : Json());
  return Json{{"radius", radius}, {"side", side}, {"values", list}, {"rise_nearby", rise}}.dump();
}

}  // namespace joist::lab
