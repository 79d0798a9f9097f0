// New tensors: constant, counting, random. Random numbers come from the thread's key (manual_seed), the same on every
// device and for any number of threads.
#pragma once

#include <joist/core/gradient.h>

#include <cstdint>
#include <vector>

namespace joist {

Tensor zeros(const Shape& shape, Dtype dtype = Dtype::float32, Device device = cpu);
Tensor ones(const Shape& shape, Dtype dtype = Dtype::float32, Device device = cpu);
Tensor full(const Shape& shape, double value, Dtype dtype = Dtype::float32, Device device = cpu);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
/// Uninitialized.
Tensor empty(const Shape& shape, Dtype dtype = Dtype::float32, Device device = cpu);
Tensor tensor(const std::vector<float>& values, const Shape& shape);
Tensor tensor(const std::vector<double>& values, const Shape& shape);
Tensor tensor(const std::vector<std::int64_t>& values, const Shape& shape);
/// start, start + step, … before end; for integers start and step are then rounded towards 0. Throws UsageError for
/// step 0 or one that leads away from end.
Tensor arange(double start, double end, double step = 1, Dtype dtype = Dtype::int64, Device device = cpu);
/// `count` numbers from start to end, both included; base ^ of such for logspace.
Tensor linspace(double start, double end, std::int64_t count, Dtype dtype = Dtype::float32, Device device = cpu);
Tensor logspace(double start, double end, std::int64_t count, double base = 10, Dtype dtype = Dtype::float32,
                Device device = cpu);
/// [rows, columns] with ones on the diagonal; columns -1: as many as rows.
Tensor eye(std::int64_t rows, std::int64_t columns = -1, Dtype dtype = Dtype::float32, Device device = cpu);
/// Coordinate grids of vectors: result i has shape [n0, n1, …] and varies along axis i (indexing "ij"), or with xy the
/// first two axes swapped.
std::vector<Tensor> meshgrid(std::span<const Tensor> vectors, bool xy = false);
/// int64 [length, length] rows and columns as [2, count] of the lower or upper triangle.
Tensor tril_indices(std::int64_t rows, std::int64_t columns, std::int64_t diagonal = 0);
Tensor triu_indices(std::int64_t rows, std::int64_t columns, std::int64_t diagonal = 0);

/// Uniform in [low, high).
Tensor rand(const Shape& shape, double low = 0, double high = 1, Dtype dtype = Dtype::float32, Device device = cpu);
/// Normal.
Tensor randn(const Shape& shape, double mean = 0, double deviation = 1, Dtype dtype = Dtype::float32,
             Device device = cpu);
/// Normal with everything outside [low, high] (absolute values, not deviations) cut off, as
/// torch.nn.init.trunc_normal_.
Tensor truncated_normal(const Shape& shape, double mean = 0, double deviation = 1, double low = -2, double high = 2,
                        Dtype dtype = Dtype::float32, Device device = cpu);
/// int64 in [low, high).
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Device device = cpu);
/// The numbers 0 … count - 1 in random order, int64.
Tensor randperm(std::int64_t count, Device device = cpu);
/// 1 with the given probabilities, else 0, in their dtype.
Tensor bernoulli(const Tensor& probability);
/// -log(1 - u) / rate
Tensor exponential(const Shape& shape, double rate = 1, Dtype dtype = Dtype::float32, Device device = cpu);
/// Indices (int64) drawn by weight from each row: weights [rows, n] or [n] -> [rows, count] or [count]. Throws
/// UsageError for more draws without replacement than weights above 0, DataError for negative or no weights.
Tensor multinomial(const Tensor& weights, std::int64_t count, bool replacement = false);

}  // namespace joist
