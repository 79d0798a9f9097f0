// Linear algebra on flat buffers: what the optimizers that see all parameters as one vector are written with. Vectors
// are rank 1, dense and equally long; sums are kept in double.
#pragma once

#include <joist/optim/flat.h>

namespace joist {

double dot(const Array& x, const Array& y);
double norm(const Array& x);               ///< Euclidean
double largest_magnitude(const Array& x);  ///< NaN where x has one
double magnitude_sum(const Array& x);
/// y += factor * x.
void add(double factor, const Array& x, const Array& y);
/// y = factor * x; x and y may be the same.
void scale(double factor, const Array& x, const Array& y);
void assign(const Array& x, const Array& y);
/// The same bits.
bool equal(const Array& x, const Array& y);
/// Neither NaN nor infinite, and small enough that the square of the norm is not infinite either.
bool all_finite(const Array& x);

/// The part of a flat buffer that belongs to one parameter, as a vector without padding.
inline Array vector_of(const Array& buffer, const FlatParameters::Slice& slice) {
  return buffer.sliced(0, slice.first, slice.first + slice.elements);
}

}  // namespace joist
