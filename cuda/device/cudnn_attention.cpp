// Attention by cuDNN: flash kernels, which never write the scores. cuDNN knows them as a graph of single operations; it
// must be the one that NVIDIA's cudnn-frontend makes (scaled_dot_product_flash_attention.h there), operation by
// operation.
#include <joist/core/error.h>
#include <joist/cuda/attentions.h>
#include <joist/cuda/device/cudnn.h>

#include <deque>
#include <limits>

namespace joist::cuda {
namespace {

using cudnn::Descriptor;
using cudnn::Place;
using Lengths = std::array<std::int64_t, 4>;
using Part = const Descriptor*;  // of a graph
enum Id : std::int64_t {
  id_q = 1,
  id_k,
  id_v,
  id_y,
  id_log_sum,
  id_dy,
  id_dq,
  id_dk,
  id_dv,
  id_scale,
  id_unseen,
  id_one,
  id_row_sums,
  id_sum_dq,
  id_inner
};
constexpr float unseen = -std::numeric_limits<float>::infinity(), one = 1;

Lengths row_major_strides(const Lengths& n) { return {n[1] * n[2] * n[3], n[2] * n[3], n[3], 1}; }
HeadsLayout turned(HeadsLayout x) {
  std::swap(x.lengths[2], x.lengths[3]);
  std::swap(x.strides[2], x.strides[3]);
  return x;
}
HeadsLayout dense(const Lengths& lengths) { return {lengths, row_major_strides(lengths)}; }

/// Operations, and what they are made of.
class Graph {
 public:
  explicit Graph(const AttentionShape& shape) : type_(cudnn::type_of(shape.dtype)) {}
  cudnnDataType_t type() const { return type_; }
  std::span<const Part> operations() const { return operations_; }

  Part array(std::int64_t id, const HeadsLayout& x) { return tensor(id, type_, x, Place::memory); }
  Part floats(std::int64_t id, const HeadsLayout& x) { return tensor(id, CUDNN_DATA_FLOAT, x, Place::memory); }
  Part inner(const HeadsLayout& x, cudnnDataType_t type = CUDNN_DATA_FLOAT) {
    return tensor(next_id_++, type, x, Place::inner);
  }
  /// A float that the host gives at every run.
  Part number(std::int64_t id) {
    constexpr Lengths single{1, 1, 1, 1};
    return keep(cudnn::tensor(id, CUDNN_DATA_FLOAT, single, single, attention_alignment, Place::host));
  }

  Part multiply(Part a, Part b, Part y) {
    Descriptor how(CUDNN_BACKEND_MATMUL_DESCRIPTOR), operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT).finalize();
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, *a)
        .set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, *b)
        .set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, *y)
        .set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
    return add(std::move(how), std::move(operation), y);
  }
  Part reduce(cudnnReduceTensorOp_t mode, Part x, Part y) {
    Descriptor how(CUDNN_BACKEND_REDUCTION_DESCRIPTOR), operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    how.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT)
        .set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, &mode, 1)
        .set(CUDNN_ATTR_REDUCTION_IS_DETERMINISTIC, false)
        .finalize();
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how)
        .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, *x)
        .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, *y);
    return add(std::move(how), std::move(operation), y);
  }
  struct Pointwise {
    cudnnPointwiseMode_t mode;
    cudnnDataType_t precision = CUDNN_DATA_FLOAT;
    std::int64_t axis = -1;  ///< of an index
  };
  /// b: undefined where the mode takes one operand; t: a condition.
  Part pointwise(const Pointwise& given, Part x, Part b, Part y, Part t = nullptr) {
    Descriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, &given.mode, 1)
        .set(CUDNN_ATTR_POINTWISE_MATH_PREC, given.precision);
    if (given.axis >= 0) how.set(CUDNN_ATTR_POINTWISE_AXIS, given.axis);
    how.finalize();
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *x)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *y);
    if (b) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    if (t) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, *t);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1.0F).set(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1.0F);
    return add(std::move(how), std::move(operation), y);
  }
  /// The same numbers as y says.
  Part seen_as(Part x, Part y) {
    Descriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, *x).set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, *y).finalize();
    operations_.push_back(keep(std::move(operation)));
    return y;
  }

 private:
  Part keep(Descriptor&& descriptor) { return &kept_.emplace_back(std::move(descriptor)); }
  Part tensor(std::int64_t id, cudnnDataType_t type, const HeadsLayout& x, Place place) {
    return keep(cudnn::tensor(id, type, x.lengths, x.strides, attention_alignment, place));
  }
  Part add(Descriptor&& how, Descriptor&& operation, Part y) {
    operation.finalize();
    keep(std::move(how));
    operations_.push_back(keep(std::move(operation)));
    return y;
  }
  cudnnDataType_t type_;
  std::int64_t next_id_ = id_inner;
  std::deque<Descriptor> kept_{};  // addresses stay
  std::vector<Part> operations_{};
};

struct Sizes {
  std::int64_t batches, heads, queries, keys;
  explicit Sizes(const AttentionShape& shape)
      : batches(shape.q.lengths[0]), heads(shape.q.lengths[1]), queries(shape.q.lengths[2]), keys(shape.k.lengths[2]) {}
  HeadsLayout scores() const { return dense({batches, heads, queries, keys}); }
  HeadsLayout rows() const { return dense({batches, heads, queries, 1}); }
  /// Scores with an axis of keys first, as they lie.
  HeadsLayout by_keys() const { return turned(scores()); }
  std::size_t row_bytes() const { return static_cast<std::size_t>(batches * heads * queries) * 4; }
};

/// Scores of which the hidden ones are -infinity. The order of the operations is the frontend's, whose kernels are
/// found by it.
Part causal(Graph& graph, const HeadsLayout& layout, Part scores) {
  const Part row = graph.pointwise({.mode = CUDNN_POINTWISE_GEN_INDEX, .axis = 2}, scores, nullptr,
                                   graph.inner(layout, CUDNN_DATA_INT32));
  const Part column = graph.pointwise({.mode = CUDNN_POINTWISE_GEN_INDEX, .axis = 3}, scores, nullptr,
                                      graph.inner(layout, CUDNN_DATA_INT32));
  const Part seen = graph.pointwise({.mode = CUDNN_POINTWISE_CMP_GE, .precision = CUDNN_DATA_BOOLEAN}, row, column,
                                    graph.inner(layout, CUDNN_DATA_BOOLEAN));
  return graph.pointwise({.mode = CUDNN_POINTWISE_BINARY_SELECT}, scores, graph.number(id_unseen), graph.inner(layout),
                         seen);
}

void forward_graph(Graph& graph, const AttentionShape& shape) {
  const Sizes n(shape);
  const HeadsLayout square = n.scores(), rows = n.rows();
  Part scores = graph.multiply(graph.array(id_q, shape.q), graph.array(id_k, turned(shape.k)), graph.inner(square));
  scores = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, scores, graph.number(id_scale), graph.inner(square));
  if (shape.causal) scores = causal(graph, square, scores);
  const Part top = graph.reduce(CUDNN_REDUCE_TENSOR_MAX, scores, graph.inner(rows));
  const Part less = graph.pointwise({.mode = CUDNN_POINTWISE_SUB}, scores, top, graph.inner(square));
  const Part weights = graph.pointwise({.mode = CUDNN_POINTWISE_EXP}, less, nullptr, graph.inner(square));
  const Part total = graph.reduce(CUDNN_REDUCE_TENSOR_ADD, weights, graph.inner(rows));
  const Part log = graph.pointwise({.mode = CUDNN_POINTWISE_LOG}, total, nullptr, graph.inner(rows));
  graph.pointwise({.mode = CUDNN_POINTWISE_ADD}, top, log, graph.floats(id_log_sum, rows));
  const Part shares = graph.pointwise({.mode = CUDNN_POINTWISE_DIV}, weights, total, graph.inner(square, graph.type()));
  graph.multiply(shares, graph.array(id_v, shape.v), graph.array(id_y, shape.y));
}

/// aᵀ b, added up over the heads that share one of the result's.
void gradient_of_keys(Graph& graph, Part a, Part b, std::int64_t id, const HeadsLayout& result, std::int64_t heads) {
  const Part sum = graph.array(id, result);
  if (result.lengths[1] == heads) {
    graph.multiply(a, b, sum);
    return;
  }
  Lengths all = result.lengths;
  all[1] = heads;
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, graph.multiply(a, b, graph.inner(dense(all), graph.type())), sum);
}

/// `ordered`: the gradient of q is one product of slopes that are kept in the workspace, so that its sums have always
/// the same order; else blocks of keys add to a float32 array, in any order.
void backward_graph(Graph& graph, const AttentionShape& shape, bool ordered) {
  const Sizes n(shape);
  const HeadsLayout square = n.scores(), rows = n.rows(), by_keys = n.by_keys();
  const std::int64_t width = shape.y.lengths[3];
  const Part q = graph.array(id_q, shape.q), kt = graph.array(id_k, turned(shape.k)),
             vt = graph.array(id_v, turned(shape.v)), y = graph.array(id_y, shape.y), dy = graph.array(id_dy, shape.y);
  const HeadsLayout products{shape.y.lengths, {n.heads * n.queries * width, n.queries * width, n.heads * width, 1}};
  Part sums = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, dy, y, graph.inner(products));
  sums = graph.reduce(CUDNN_REDUCE_TENSOR_ADD, sums, graph.inner(rows));
  sums = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, sums, graph.number(id_one), graph.floats(id_row_sums, rows));

  const Part scale = graph.number(id_scale);
  Part scores = graph.multiply(q, kt, graph.inner(square));
  scores = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, scores, scale, graph.inner(square));
  scores = graph.pointwise({.mode = CUDNN_POINTWISE_SUB}, scores, graph.floats(id_log_sum, rows), graph.inner(square));
  if (shape.causal) scores = causal(graph, square, scores);
  const Part weights = graph.pointwise({.mode = CUDNN_POINTWISE_EXP}, scores, nullptr, graph.inner(square));
  const Part turned_weights = graph.seen_as(weights, graph.inner(by_keys, graph.type()));
  gradient_of_keys(graph, turned_weights, dy, id_dv, shape.dv, n.heads);

  Part slopes = graph.multiply(dy, vt, graph.inner(square));
  slopes = graph.pointwise({.mode = CUDNN_POINTWISE_SUB}, slopes, sums, graph.inner(square));
  slopes = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, slopes, weights, graph.inner(square));
  slopes = graph.pointwise({.mode = CUDNN_POINTWISE_MUL}, slopes, scale, graph.inner(square));
  const Part turned_slopes = graph.seen_as(slopes, graph.inner(by_keys, graph.type()));
  gradient_of_keys(graph, turned_slopes, q, id_dk, shape.dk, n.heads);

  const Part k = graph.seen_as(kt, graph.inner(shape.k));
  const Part dq = graph.array(id_dq, shape.dq);
  if (ordered) {
    graph.multiply(slopes, k, dq);
  } else {
    const Part sum = graph.multiply(slopes, k, graph.floats(id_sum_dq, dense(shape.q.lengths)));
    graph.pointwise({.mode = CUDNN_POINTWISE_IDENTITY}, sum, nullptr, dq);
  }
}

cudnn::GraphPlan make_plan(const cudnn::Machine& machine, const AttentionShape& shape, bool ordered) {
  Graph graph(shape);
  shape.backward ? backward_graph(graph, shape, ordered) : forward_graph(graph, shape);
  return {machine, graph.operations(), {.short_sums = true, .most_workspace = std::int64_t{2} << 30}};
}

std::size_t padded(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

class Plan final : public AttentionPlan {
 public:
  Plan(const cudnn::Machine& machine, const AttentionShape& shape, bool ordered)
      : shape_(shape), ordered_(ordered), graph_(make_plan(machine, shape, ordered)) {}
  std::size_t workspace() const override {
    return padded(graph_.workspace()) + (shape_.backward ? padded(Sizes(shape_).row_bytes()) + sum_bytes() : 0);
  }
  std::string text() const override { return graph_.text() + (ordered_ ? "" : ", any order"); }
  void run(const char* name, const AttentionData& data, void* workspace, void* stream) const override {
    std::vector<std::int64_t> ids;
    std::vector<void*> addresses;
    const auto give = [&](std::int64_t id, const void* address) {
      ids.push_back(id);
      addresses.push_back(const_cast<void*>(address));
    };
    give(id_q, data.q);
    give(id_k, data.k);
    give(id_v, data.v);
    give(id_y, data.y);
    give(id_log_sum, data.log_sum);
    give(id_scale, &shape_.scale);
    if (shape_.causal) give(id_unseen, &unseen);
    if (shape_.backward) {
      give(id_dy, data.dy);
      give(id_dq, data.dq);
      give(id_dk, data.dk);
      give(id_dv, data.dv);
      give(id_one, &one);
      char* const behind = static_cast<char*>(workspace) + padded(graph_.workspace());
      give(id_row_sums, behind);
      if (!ordered_) give(id_sum_dq, behind + padded(Sizes(shape_).row_bytes()));
    }
    graph_.run(name, ids, addresses, workspace, stream);
  }

 private:
  std::size_t sum_bytes() const {
    if (ordered_) return 0;
    const Lengths& n = shape_.q.lengths;
    return static_cast<std::size_t>(n[0] * n[1] * n[2] * n[3]) * 4;
  }
  AttentionShape shape_;
  bool ordered_;
  cudnn::GraphPlan graph_;
};

// Backwards without padding of keys is wrong before that where they are no multiple of 128.
constexpr std::size_t least_version = 91501;

std::unique_ptr<AttentionPlan> plan_on(const cudnn::Machine& machine, const AttentionShape& shape, std::string& why) {
  const std::size_t version = cudnn::Functions::instance().cudnnGetVersion();
  if (version < least_version) {
    why = "cuDNN " + std::to_string(version) + ", of which at least " + std::to_string(least_version) + " is needed";
    return nullptr;
  }
  for (const bool ordered : {true, false}) try {
      auto plan = std::make_unique<Plan>(machine, shape, ordered);
      if (!ordered) cudnn::say_any_order();
      return plan;
    } catch (const cudnn::Refused& refused) {
      why = std::string("cuDNN has no way to compute some shapes: ") + refused.what();
      if (!shape.backward) break;  // they do not differ
    }
  return nullptr;
}

}  // namespace

std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape, std::string& why) {
  return plan_on(cudnn::Machine::current(), shape, why);
}

}  // namespace joist::cuda

/// For tests without a GPU (tests/cuda/cudnn_test.cpp, of the same build): whether there is a plan for the GPU of these
/// properties, and how cuDNN would compute it or why not. Throws EnvironmentError where cuDNN is missing or does not
/// take the properties.
extern "C" __attribute__((visibility("default"))) bool joist_cuda_foresee_attention(
    const joist::cuda::AttentionShape& shape, const std::string& json, std::string& text) {
  namespace cuda = joist::cuda;
  try {
    const auto plan = cuda::plan_on(cuda::cudnn::Machine(json), shape, text);
    if (plan) text = plan->text() + ", " + std::to_string(plan->workspace() >> 10) + " KiB of workspace";
    return plan != nullptr;
  } catch (const cuda::cudnn::Refused& refused) {
    throw joist::EnvironmentError({.where = "cuDNN", .what = refused.what()});
  }
}
