#include <joist/core/cpu/matrices.h>

#include <cmath>
#include <limits>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <Eigen/QR>

namespace joist {
namespace {

void solve(const Array& a, const Array& b, const Array& x, const Array& failed) {
  for_each_matrix("solve", a, &failed, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.shape(-1) == 0) return true;
    const Eigen::PartialPivLU<Matrix<T>> lu(matrix_at<T>(a, batch, place));
    if ((lu.matrixLU().diagonal().array() == T(0)).any()) return false;
    const Matrix<T> right = matrix_at<T>(b, batch, place);
    matrix_at<T>(x, batch, place) = lu.solve(right);
    return true;
  });
}

template <class Triangle>
void solve_triangle(const Triangle& triangle, auto& right) {
  triangle.solveInPlace(right);
}

void triangular_solve(const Array& a, const Array& b, bool upper, bool unit, const Array& x) {
  for_each_matrix("triangular_solve", a, nullptr, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.shape(-1) == 0) return true;
    const Matrix<T> left = matrix_at<T>(a, batch, place);
    Matrix<T> right = matrix_at<T>(b, batch, place);
    if (upper && unit)
      solve_triangle(left.template triangularView<Eigen::UnitUpper>(), right);
    else if (upper)
      solve_triangle(left.template triangularView<Eigen::Upper>(), right);
    else if (unit)
      solve_triangle(left.template triangularView<Eigen::UnitLower>(), right);
    else
      solve_triangle(left.template triangularView<Eigen::Lower>(), right);
    matrix_at<T>(x, batch, place) = right;
    return true;
  });
}

void determinant(const Array& a, const Array& sign, const Array& logarithm) {
  for_each_matrix("slogdet", a, nullptr, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    double s = 1, sum = 0;
    if (a.shape(-1) > 0) {
      const Eigen::PartialPivLU<Matrix<T>> lu(matrix_at<T>(a, batch, place));
      s = static_cast<double>(lu.permutationP().determinant());
      for (const T pivot : lu.matrixLU().diagonal()) {
        s *= pivot == T(0) ? 0 : std::isnan(pivot) ? static_cast<double>(pivot) : pivot < T(0) ? -1 : 1;
        sum += std::log(std::abs(static_cast<double>(pivot)));
      }
    }
    number_at<T>(sign, batch, place) = static_cast<T>(s);
    number_at<T>(logarithm, batch, place) = static_cast<T>(s == 0 ? -std::numeric_limits<double>::infinity() : sum);
    return true;
  });
}

void cholesky(const Array& a, const Array& l, const Array& failed) {
  for_each_matrix("cholesky", a, &failed, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.shape(-1) == 0) return true;
    const Eigen::LLT<Matrix<T>> llt(matrix_at<T>(a, batch, place));
    const Matrix<T> lower = llt.matrixL();
    matrix_at<T>(l, batch, place) = lower;
    return llt.info() == Eigen::Success && (lower.diagonal().array() > T(0)).all();  // false for a NaN
  });
}

void qr(const Array& a, const Array& q, const Array& r) {
  for_each_matrix("qr", a, nullptr, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.elements() == 0) {
      matrix_at<T>(q, batch, place).setIdentity();
      return true;
    }
    const Eigen::HouseholderQR<Matrix<T>> decomposition(matrix_at<T>(a, batch, place));
    Matrix<T> left = Matrix<T>::Identity(q.shape(-2), q.shape(-1));
    left.applyOnTheLeft(decomposition.householderQ());
    matrix_at<T>(q, batch, place) = left;
    Matrix<T> right = decomposition.matrixQR().topRows(r.shape(-2));
    right.template triangularView<Eigen::StrictlyLower>().setZero();
    matrix_at<T>(r, batch, place) = right;
    return true;
  });
}

}  // namespace

void fill_linalg(Kernels& table) {
  table.linalg.cholesky = cholesky;
  table.linalg.qr = qr;
  table.linalg.solve = solve;
  table.linalg.triangular_solve = triangular_solve;
  table.linalg.determinant = determinant;
  fill_spectral(table);
}

}  // namespace joist
