// Textbook algorithms on one matrix after the other: Golub & Van Loan, "Matrix Computations": Gauss elimination with
// partial pivoting (3.4), Cholesky (4.2), Householder QR (5.2), Jacobi's method for symmetric matrices (8.5) and its
// one-sided form for singular values (8.6).
#include <joist/core/plain/plain.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace joist::plain {
namespace {

struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values{};
  Matrix(std::int64_t m, std::int64_t n) : rows(m), columns(n), values(static_cast<std::size_t>(m * n)) {}
  double& operator()(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  double operator()(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
};

Matrix identity(std::int64_t n) {
  Matrix result(n, n);
  for (std::int64_t i = 0; i < n; ++i) result(i, i) = 1;
  return result;
}

Matrix transposed(const Matrix& a) {
  Matrix result(a.columns, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) result(j, i) = a(i, j);
  return result;
}

// The matrix, or the column vector, at an index of the leading axes.
double& element(const Array& array, const Shape& batch, std::int64_t i, std::int64_t j) {
  const std::int64_t row = array.rank() > batch.rank() ? array.strides()[batch.rank()] : 0;
  const std::int64_t column = array.rank() > batch.rank() + 1 ? array.strides()[-1] : 0;
  return array.data<double>()[offset_of(batch, array.strides()) + i * row + j * column];
}
Matrix load(const Array& array, const Shape& batch) {
  Matrix a(array.shape(-2), array.shape(-1));
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) a(i, j) = element(array, batch, i, j);
  return a;
}
void store(const Array& array, const Shape& batch, const Matrix& a) {
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) element(array, batch, i, j) = a(i, j);
}

// body(index of the leading axes) -> whether it succeeded.
template <class Body>
std::int64_t first_failure(const Array& a, Body&& body) {
  std::int64_t number = 0, failure = -1;
  for_each_index(a.shape().without(-1).without(-1), [&](const Shape& batch) {
    if (!body(batch) && failure < 0) failure = number;
    ++number;
  });
  return failure;
}
void tell(const Array& failed, std::int64_t failure) { failed.data<std::int64_t>()[0] = failure; }

bool is_finite(const Matrix& a) {
  return std::all_of(a.values.begin(), a.values.end(), [](double value) { return std::isfinite(value); });
}

// Brings a to upper triangular form, doing the same with the rows of b. Returns the sign of the row exchanges, 0 for a
// singular matrix.
double eliminate(Matrix& a, Matrix& b) {
  double sign = 1;
  for (std::int64_t k = 0; k < a.rows; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < a.rows; ++i)
      if (beats(std::abs(a(i, k)), std::abs(a(pivot, k)))) pivot = i;
    if (a(pivot, k) == 0) return 0;
    if (pivot != k) {
      sign = -sign;
      for (std::int64_t j = 0; j < a.columns; ++j) std::swap(a(k, j), a(pivot, j));
      for (std::int64_t j = 0; j < b.columns; ++j) std::swap(b(k, j), b(pivot, j));
    }
    for (std::int64_t i = k + 1; i < a.rows; ++i) {
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < a.columns; ++j) a(i, j) -= factor * a(k, j);
      for (std::int64_t j = 0; j < b.columns; ++j) b(i, j) -= factor * b(k, j);
    }
  }
  return sign;
}

void substitute(const Matrix& a, bool upper, bool unit, Matrix& b) {
  for (std::int64_t step = 0; step < a.rows; ++step) {
    const std::int64_t i = upper ? a.rows - 1 - step : step;
    for (std::int64_t j = 0; j < b.columns; ++j) {
      double rest = b(i, j);
      for (std::int64_t k = upper ? i + 1 : 0; k < (upper ? a.rows : i); ++k) rest -= a(i, k) * b(k, j);
      b(i, j) = unit ? rest : rest / a(i, i);
    }
  }
}

void solve(const Array& a, const Array& b, const Array& x, const Array& failed) {
  tell(failed, first_failure(a, [&](const Shape& batch) {
         Matrix left = load(a, batch), right = load(b, batch);
         if (eliminate(left, right) == 0) return false;
         substitute(left, true, false, right);
         store(x, batch, right);
         return true;
       }));
}

void triangular_solve(const Array& a, const Array& b, bool upper, bool unit, const Array& x) {
  first_failure(a, [&](const Shape& batch) {
    Matrix right = load(b, batch);
    substitute(load(a, batch), upper, unit, right);
    store(x, batch, right);
    return true;
  });
}

void determinant(const Array& a, const Array& sign, const Array& logarithm) {
  first_failure(a, [&](const Shape& batch) {
    Matrix left = load(a, batch), none(left.rows, 0);
    double s = eliminate(left, none), sum = 0;
    for (std::int64_t i = 0; i < left.rows && s != 0; ++i) {
      s *= std::isnan(left(i, i)) ? left(i, i) : left(i, i) < 0 ? -1 : 1;
      sum += std::log(std::abs(left(i, i)));
    }
    element(sign, batch, 0, 0) = s;
    element(logarithm, batch, 0, 0) = s == 0 ? -std::numeric_limits<double>::infinity() : sum;
    return true;
  });
}

void cholesky(const Array& a, const Array& l, const Array& failed) {
  tell(failed, first_failure(a, [&](const Shape& batch) {
         const Matrix given = load(a, batch);
         Matrix lower(given.rows, given.rows);
         for (std::int64_t i = 0; i < given.rows; ++i)
           for (std::int64_t j = 0; j <= i; ++j) {
             double rest = given(i, j);
             for (std::int64_t k = 0; k < j; ++k) rest -= lower(i, k) * lower(j, k);
             if (i == j && !(rest > 0)) return false;
             lower(i, j) = i == j ? std::sqrt(rest) : rest / lower(j, j);
           }
         store(l, batch, lower);
         return true;
       }));
}

// Reflections I - 2 v vᵀ / vᵀv that bring one column after the other below the diagonal to 0; R's diagonal gets the
// sign opposite to the element that was there, as in LAPACK.
void qr(const Array& a, const Array& q, const Array& r) {
  first_failure(a, [&](const Shape& batch) {
    Matrix rest = load(a, batch), turned = identity(rest.rows);
    const auto reflect = [](const std::vector<double>& v, double square, Matrix& m) {
      for (std::int64_t j = 0; j < m.columns; ++j) {
        double dot = 0;
        for (std::int64_t i = 0; i < m.rows; ++i) dot += v[static_cast<std::size_t>(i)] * m(i, j);
        for (std::int64_t i = 0; i < m.rows; ++i) m(i, j) -= 2 * dot / square * v[static_cast<std::size_t>(i)];
      }
    };
    for (std::int64_t k = 0; k < std::min(rest.rows - 1, rest.columns); ++k) {
      double tail = 0;
      for (std::int64_t i = k + 1; i < rest.rows; ++i) tail += rest(i, k) * rest(i, k);
      if (tail == 0) continue;
      const double length = std::sqrt(rest(k, k) * rest(k, k) + tail);
      std::vector<double> v(static_cast<std::size_t>(rest.rows));
      for (std::int64_t i = k; i < rest.rows; ++i) v[static_cast<std::size_t>(i)] = rest(i, k);
      v[static_cast<std::size_t>(k)] += std::copysign(length, rest(k, k));
      const double square = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
      reflect(v, square, rest);
      reflect(v, square, turned);  // the transposed Q
      for (std::int64_t i = k + 1; i < rest.rows; ++i) rest(i, k) = 0;
    }
    for (std::int64_t i = 0; i < q.shape(-2); ++i)
      for (std::int64_t j = 0; j < q.shape(-1); ++j) element(q, batch, i, j) = turned(j, i);
    for (std::int64_t i = 0; i < r.shape(-2); ++i)
      for (std::int64_t j = 0; j < r.shape(-1); ++j) element(r, batch, i, j) = rest(i, j);
    return true;
  });
}

// Cosine and sine of the rotation that makes the symmetric [[p, q], [q, r]] diagonal, by the smaller angle.
std::pair<double, double> rotation(double p, double q, double r) {
  const double theta = (r - p) / (2 * q);
  const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
  const double cosine = 1 / std::sqrt(t * t + 1);
  return {cosine, t * cosine};
}
void rotate_columns(Matrix& m, std::int64_t p, std::int64_t q, double cosine, double sine) {
  for (std::int64_t i = 0; i < m.rows; ++i) {
    const double a = m(i, p), b = m(i, q);
    m(i, p) = cosine * a - sine * b;
    m(i, q) = sine * a + cosine * b;
  }
}
std::vector<std::int64_t> sorted(const std::vector<double>& values, bool descending) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    const double a = values[static_cast<std::size_t>(i)], b = values[static_cast<std::size_t>(j)];
    return descending ? a > b : a < b;
  });
  return order;
}

void eigh(const Array& a, const Array& values, const Array& vectors, const Array& failed) {
  tell(failed, first_failure(a, [&](const Shape& batch) {
         Matrix m = load(a, batch), v = identity(m.rows);
         for (std::int64_t i = 0; i < m.rows; ++i)
           for (std::int64_t j = i + 1; j < m.rows; ++j) m(i, j) = m(j, i);
         if (!is_finite(m)) return false;
         const double largest = std::inner_product(m.values.begin(), m.values.end(), m.values.begin(), 0.0);
         for (int sweep = 0; sweep < 100; ++sweep) {
           double off = 0;
           for (std::int64_t p = 0; p < m.rows; ++p)
             for (std::int64_t q = p + 1; q < m.rows; ++q) {
               off += m(p, q) * m(p, q);
               if (m(p, q) == 0) continue;
               const auto [cosine, sine] = rotation(m(p, p), m(p, q), m(q, q));
               rotate_columns(m, p, q, cosine, sine);
               m = transposed(m);
               rotate_columns(m, p, q, cosine, sine);
               rotate_columns(v, p, q, cosine, sine);
             }
           if (off <= 1e-34 * largest) break;
         }
         std::vector<double> diagonal;
         for (std::int64_t i = 0; i < m.rows; ++i) diagonal.push_back(m(i, i));
         const auto order = sorted(diagonal, false);
         for (std::int64_t k = 0; k < m.rows; ++k) {
           const std::int64_t from = order[static_cast<std::size_t>(k)];
           element(values, batch, k, 0) = m(from, from);
           for (std::int64_t i = 0; i < m.rows; ++i) element(vectors, batch, i, k) = v(i, from);
         }
         return true;
       }));
}

// Columns from `known` on become an orthonormal rest of the basis: unit vectors, made orthogonal to those before.
void complete_basis(Matrix& u, std::int64_t known) {
  std::int64_t candidate = 0;
  for (std::int64_t k = known; k < u.columns; ++k) {
    double length = 0;
    for (; length < 0.1 / std::sqrt(static_cast<double>(u.rows)); ++candidate) {
      for (std::int64_t i = 0; i < u.rows; ++i) u(i, k) = i == candidate % u.rows ? 1 : 0;
      for (int twice = 0; twice < 2; ++twice)
        for (std::int64_t j = 0; j < k; ++j) {
          double dot = 0;
          for (std::int64_t i = 0; i < u.rows; ++i) dot += u(i, j) * u(i, k);
          for (std::int64_t i = 0; i < u.rows; ++i) u(i, k) -= dot * u(i, j);
        }
      length = 0;
      for (std::int64_t i = 0; i < u.rows; ++i) length += u(i, k) * u(i, k);
      length = std::sqrt(length);
    }
    for (std::int64_t i = 0; i < u.rows; ++i) u(i, k) /= length;
  }
}

// Rotates pairs of columns of w = a · v until all are orthogonal: their lengths are the singular values.
void svd(const Array& a, const Array& u, const Array& s, const Array& vt, const Array& failed) {
  tell(failed, first_failure(a, [&](const Shape& batch) {
         Matrix w = load(a, batch);
         if (!is_finite(w)) return false;
         const bool wide = w.rows < w.columns;
         if (wide) w = transposed(w);
         const std::int64_t count = w.columns;
         Matrix v = identity(count);
         bool turned = true;
         for (int sweep = 0; sweep < 100 && turned; ++sweep) {
           turned = false;
           for (std::int64_t p = 0; p < count; ++p)
             for (std::int64_t q = p + 1; q < count; ++q) {
               double pp = 0, pq = 0, qq = 0;
               for (std::int64_t i = 0; i < w.rows; ++i) {
                 pp += w(i, p) * w(i, p);
                 pq += w(i, p) * w(i, q);
                 qq += w(i, q) * w(i, q);
               }
               if (std::abs(pq) <= 1e-14 * std::sqrt(pp * qq)) continue;
               turned = true;
               const auto [cosine, sine] = rotation(pp, pq, qq);
               rotate_columns(w, p, q, cosine, sine);
               rotate_columns(v, p, q, cosine, sine);
             }
         }
         std::vector<double> lengths;
         for (std::int64_t j = 0; j < count; ++j) {
           double square = 0;
           for (std::int64_t i = 0; i < w.rows; ++i) square += w(i, j) * w(i, j);
           lengths.push_back(std::sqrt(square));
         }
         const auto order = sorted(lengths, true);
         const Array& left = wide ? vt : u;  // holds the long side
         const std::int64_t left_count = wide ? vt.shape(-2) : u.shape(-1);
         Matrix long_side(w.rows, left_count), short_side(count, count);
         std::int64_t known = 0;
         for (std::int64_t k = 0; k < count; ++k) {
           const std::int64_t from = order[static_cast<std::size_t>(k)];
           const double length = lengths[static_cast<std::size_t>(from)];
           element(s, batch, k, 0) = length;
           for (std::int64_t i = 0; i < count; ++i) short_side(i, k) = v(i, from);
           if (length <= 1e-15 * lengths[static_cast<std::size_t>(order[0])]) continue;
           ++known;
           for (std::int64_t i = 0; i < w.rows; ++i) long_side(i, k) = w(i, from) / length;
         }
         complete_basis(long_side, known);
         store(left, batch, wide ? transposed(long_side) : long_side);
         store(wide ? u : vt, batch, wide ? short_side : transposed(short_side));
         return true;
       }));
}

}  // namespace

void fill(LinalgKernels& kernels) {
  kernels.cholesky = cholesky;
  kernels.qr = qr;
  kernels.svd = svd;
  kernels.eigh = eigh;
  kernels.solve = solve;
  kernels.triangular_solve = triangular_solve;
  kernels.determinant = determinant;
}

}  // namespace joist::plain
