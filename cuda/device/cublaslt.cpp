// Products by cuBLASLt: descriptions are handed over as they are, one attribute each.
#include <joist/core/error.h>
#include <joist/cuda/device/library.h>
#include <joist/cuda/products.h>

#include <string>

#include <cublasLt.h>

namespace joist::cuda {
namespace {

#define JOIST_CUBLASLT(f)                                                                                  \
  f(cublasLtCreate) f(cublasLtGetStatusString) f(cublasLtMatmul) f(cublasLtMatmulAlgoGetHeuristic)         \
      f(cublasLtMatmulDescCreate) f(cublasLtMatmulDescDestroy) f(cublasLtMatmulDescSetAttribute)           \
          f(cublasLtMatrixLayoutCreate) f(cublasLtMatrixLayoutDestroy) f(cublasLtMatrixLayoutSetAttribute) \
              f(cublasLtMatmulPreferenceCreate) f(cublasLtMatmulPreferenceDestroy)                         \
                  f(cublasLtMatmulPreferenceSetAttribute)

struct Functions {
#define JOIST_MEMBER(name) decltype(&::name) name = nullptr;
  JOIST_CUBLASLT(JOIST_MEMBER)
#undef JOIST_MEMBER

  Functions() {
    const std::string version = std::to_string(CUBLAS_VER_MAJOR);
    const Library library("cuBLASLt", {"libcublasLt.so." + version, "libcublasLt.so"},
                          "install cuBLAS " + version + " (`pip install nvidia-cublas`, or the CUDA toolkit)");
#define JOIST_LOAD(function) library.load(function, #function);
    JOIST_CUBLASLT(JOIST_LOAD)
#undef JOIST_LOAD
  }
  static const Functions& instance() {
    static const Functions one;
    return one;
  }
  void check(cublasStatus_t status, const char* what) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw EnvironmentError({.where = "cuBLASLt",
                            .what = std::string(what) + ": " + cublasLtGetStatusString(status),
                            .remedy = "a driver and a cuBLAS that belong to each other (`joist doctor`)"});
  }
};

cublasLtHandle_t handle() {
  static const cublasLtHandle_t one = [] {
    const Functions& lt = Functions::instance();
    cublasLtHandle_t made = nullptr;
    lt.check(lt.cublasLtCreate(&made), "being started");
    return made;
  }();
  return one;
}

cudaDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::bfloat16: return CUDA_R_16BF;
    case Dtype::float16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

class Layout {
 public:
  Layout(const MatrixLayout& of, std::int64_t batches) {
    const Functions& lt = Functions::instance();
    lt.check(lt.cublasLtMatrixLayoutCreate(&layout_, type_of(of.dtype), static_cast<std::uint64_t>(of.rows),
                                           static_cast<std::uint64_t>(of.columns), of.leading),
             "describing a matrix");
    const auto count = static_cast<std::int32_t>(batches);
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, of.batch_stride);
  }
  ~Layout() { Functions::instance().cublasLtMatrixLayoutDestroy(layout_); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  template <class T>
  void set(cublasLtMatrixLayoutAttribute_t attribute, const T& value) {
    const Functions& lt = Functions::instance();
    lt.check(lt.cublasLtMatrixLayoutSetAttribute(layout_, attribute, &value, sizeof value), "describing a matrix");
  }
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class Preference {
 public:
  Preference() {
    const Functions& lt = Functions::instance();
    lt.check(lt.cublasLtMatmulPreferenceCreate(&preference_), "asking for an algorithm");
  }
  ~Preference() { Functions::instance().cublasLtMatmulPreferenceDestroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  cublasLtMatmulPreference_t get() const { return preference_; }
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    const Functions& lt = Functions::instance();
    lt.check(lt.cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value),
             "asking for an algorithm");
  }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

// What algorithms may take; NVIDIA's own advice for Hopper.
constexpr std::uint64_t most_workspace = std::uint64_t{32} << 20;

class Plan final : public ProductPlan {
 public:
  explicit Plan(const ProductShape& shape)
      : shape_(shape), a_(shape.a, shape.batches), b_(shape.b, shape.batches), y_(shape.y, shape.batches) {
    const cublasLtMatmulDesc_t description = describe(nullptr);
    Preference preference;
    preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(shape.a.alignment));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(shape.b.alignment));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(shape.y.alignment));
    preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(shape.y.alignment));
    int found = 0;
    const cublasStatus_t status = lt_.cublasLtMatmulAlgoGetHeuristic(
        handle(), description, a_.get(), b_.get(), y_.get(), y_.get(), preference.get(), 1, &result_, &found);
    lt_.cublasLtMatmulDescDestroy(description);
    if (status != CUBLAS_STATUS_SUCCESS || found == 0)
      throw UnsupportedError({.where = "cuBLASLt",
                              .what = "has no way to compute a product of " + std::to_string(shape.y.rows) + " x " +
                                      std::to_string(shape.y.columns) + " in " + std::string(name_of(shape.a.dtype)) +
                                      ": " + lt_.cublasLtGetStatusString(status),
                              .remedy = "float32"});
  }
  std::size_t workspace() const override { return result_.workspaceSize; }

  void run(const char* name, const ProductData& data, void* workspace, void* stream) const override {
    const cublasLtMatmulDesc_t description = describe(data.bias);
    const float one = 1, add = shape_.adds ? 1.0F : 0.0F;
    const cublasStatus_t status = lt_.cublasLtMatmul(handle(), description, &one, data.a, a_.get(), data.b, b_.get(),
                                                     &add, data.y, y_.get(), data.y, y_.get(), &result_.algo, workspace,
                                                     result_.workspaceSize, static_cast<cudaStream_t>(stream));
    lt_.cublasLtMatmulDescDestroy(description);
    lt_.check(status, name);
  }

 private:
  // A new one for every use: it holds the bias's address, and plans are used by several threads.
  cublasLtMatmulDesc_t describe(const void* bias) const {
    cublasLtMatmulDesc_t description = nullptr;
    lt_.check(lt_.cublasLtMatmulDescCreate(&description,
                                           shape_.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
              "describing a product");
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
      lt_.check(lt_.cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof value),
                "describing a product");
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, shape_.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, shape_.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (shape_.bias) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      // Without an address the heuristics take its alignment from this number.
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias ? bias : reinterpret_cast<const void*>(shape_.bias_alignment));
    }
    return description;
  }

  const Functions& lt_ = Functions::instance();
  ProductShape shape_;
  Layout a_, b_, y_;
  cublasLtMatmulHeuristicResult_t result_{};
};

}  // namespace

void load_product_library() { static_cast<void>(Functions::instance()); }
std::unique_ptr<ProductPlan> plan_product(const ProductShape& shape) { return std::make_unique<Plan>(shape); }

}  // namespace joist::cuda
