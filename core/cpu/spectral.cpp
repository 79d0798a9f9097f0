// Singular values and eigenvalues: what of LinalgKernels takes long to compile.
#include <joist/core/cpu/matrices.h>

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>

namespace joist {
namespace {

void svd(const Array& a, const Array& u, const Array& s, const Array& vt, const Array& failed) {
  for_each_matrix("svd", a, &failed, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.shape(-1) == 0 || a.shape(-2) == 0) {
      matrix_at<T>(u, batch, place).setIdentity();
      matrix_at<T>(vt, batch, place).setIdentity();
      return true;
    }
    const Matrix<T> given = matrix_at<T>(a, batch, place);
    if (!given.allFinite()) return false;
    const Eigen::Index few = std::min(given.rows(), given.cols());
    const auto left = u.shape(-1) > few ? Eigen::ComputeFullU : Eigen::ComputeThinU;
    const auto right = vt.shape(-2) > few ? Eigen::ComputeFullV : Eigen::ComputeThinV;
    const Eigen::BDCSVD<Matrix<T>> decomposition(given, static_cast<unsigned>(left) | static_cast<unsigned>(right));
    matrix_at<T>(u, batch, place) = decomposition.matrixU();
    vector_at<T>(s, batch, place) = decomposition.singularValues();
    matrix_at<T>(vt, batch, place) = decomposition.matrixV().transpose();
    return decomposition.info() == Eigen::Success;
  });
}

void eigh(const Array& a, const Array& values, const Array& vectors, const Array& failed) {
  for_each_matrix("eigh", a, &failed, [&]<class T>(T, const Shape& batch, std::int64_t place) {
    if (a.shape(-1) == 0) return true;
    const Matrix<T> given = Matrix<T>(matrix_at<T>(a, batch, place)).template triangularView<Eigen::Lower>();
    if (!given.allFinite()) return false;
    const Eigen::SelfAdjointEigenSolver<Matrix<T>> solver(given);  // reads the lower triangle
    if (solver.info() != Eigen::Success) return false;
    vector_at<T>(values, batch, place) = solver.eigenvalues();
    matrix_at<T>(vectors, batch, place) = solver.eigenvectors();
    return true;
  });
}

}  // namespace

void fill_spectral(Kernels& table) {
  table.linalg.svd = svd;
  table.linalg.eigh = eigh;
}

}  // namespace joist
