// Batches of matrices for Eigen. Only .cpp files of this folder include this. Eigen's own threads are off: the batch is
// what runs in parallel, so a result does not depend on the number of threads.
#pragma once

#define EIGEN_DONT_PARALLELIZE
#define EIGEN_MPL2_ONLY

#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <Eigen/Core>

namespace joist {

void fill_spectral(Kernels& table);

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using MatrixView = Eigen::Map<Matrix<T>, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// Offset of the matrix, vector or number with a place in the batch. `batch`: the leading axes.
inline std::int64_t offset_in_batch(const Array& array, const Shape& batch, std::int64_t place) {
  std::int64_t offset = 0;
  for (int axis = batch.rank() - 1; axis >= 0; --axis) {
    offset += place % batch[axis] * array.strides()[axis];
    place /= batch[axis];
  }
  return offset;
}

/// The matrix [rows, columns] at a place in the batch of an array of rank batch + 2.
template <class T>
MatrixView<T> matrix_at(const Array& array, const Shape& batch, std::int64_t place) {
  const int rank = array.rank();
  return {array.data<T>() + offset_in_batch(array, batch, place),
          array.shape()[rank - 2],
          array.shape()[rank - 1],
          {array.strides()[rank - 1], array.strides()[rank - 2]}};
}
/// The vector [length] at a place in the batch of an array of rank batch + 1, as a column.
template <class T>
MatrixView<T> vector_at(const Array& array, const Shape& batch, std::int64_t place) {
  return {array.data<T>() + offset_in_batch(array, batch, place), array.shape()[-1], 1, {1, array.strides()[-1]}};
}
template <class T>
T& number_at(const Array& array, const Shape& batch, std::int64_t place) {
  return array.data<T>()[offset_in_batch(array, batch, place)];
}

/// body(T{}, batch, place) -> whether that matrix of `a` could be handled; the first place where not is told, -1 else.
template <class Body>
void for_each_matrix(const char* name, const Array& a, const Array* failed, Body&& body) {
  const Shape batch = a.shape().without(-1).without(-1);
  const std::int64_t count = batch.elements(), work = a.shape(-1) * a.shape(-2) * std::min(a.shape(-1), a.shape(-2));
  std::vector<char> good(static_cast<std::size_t>(count), 1);
  with_floating(a.dtype(), name, [&](auto type) {
    parallel_for(count, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, work)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t place = begin; place < end; ++place)
                     good[static_cast<std::size_t>(place)] = body(type, batch, place) ? 1 : 0;
                 });
  });
  if (!failed) return;
  const auto at = std::find(good.begin(), good.end(), 0);
  failed->data<std::int64_t>()[0] = at == good.end() ? -1 : at - good.begin();
}

}  // namespace joist
