#include <joist/core/cpu/attention.h>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>

#include <vector>

namespace joist {
namespace {

using attention::Grid;
using attention::Heads;
using attention::Problem;

bool has_rows(const Array& x) { return x.shape(-1) == 1 || x.strides()[-1] == 1; }

Heads heads_of(const Array& x, bool accumulate = false) {
  return {x.data<float>(), x.strides()[0], x.strides()[1], x.strides()[2], accumulate};
}

// Problem, and the arrays that its pointers need.
struct Prepared : Problem {
  Prepared(const AttentionOptions& given, const AttentionArguments& a, bool values_too) {
    batch = a.q.shape(0);
    heads = a.q.shape(1);
    queries = a.q.shape(2);
    width = a.q.shape(3);
    key_heads = a.k.shape(1);
    keys = a.k.shape(2);
    value_width = a.v.shape(3);
    options = given;
    shift = given.align_end ? keys - queries : 0;
    scale = static_cast<float>(attention_scale(given, width));
    q = read(a.q);
    k = read(a.k);
    v = read(a.v);
    if (a.mask.defined()) mask = grid(a.mask);
    if (a.slopes.defined()) {
      slopes = a.slopes.data<float>();
      slope_stride = a.slopes.strides()[0];
    }
    const Shape blocks{batch, key_heads, key_blocks(), attention::key_block};
    packed_keys = new_memory(blocks.elements() * width);
    if (values_too) packed_values = new_memory(blocks.elements() * value_width);
    parallel_for(batch * key_heads * key_blocks(), 4,
                 [&](std::int64_t begin, std::int64_t end) { attention::pack(*this, begin, end); });
  }

  Heads read(const Array& x) {
    kept.push_back(has_rows(x) ? x : with_strides(x, row_major(x.shape())));
    return heads_of(kept.back());
  }
  // Where to write: `out` itself, or memory that finish() copies there.
  Heads write(const Out& out) {
    if (!out.array.defined()) return {};
    if (has_rows(out.array)) return heads_of(out.array, out.accumulate);
    const Array plain = Array::empty(out.array.shape());
    copies.emplace_back(plain, out);
    return heads_of(plain);
  }
  Grid grid(const Array& numbers) {
    const Array all = numbers.expanded({batch, heads, queries, keys});
    kept.push_back(all);
    const Strides& s = all.strides();
    Grid result{.batch = s[0], .head = s[1], .row = s[2], .column = s[3]};
    if (all.dtype() == Dtype::boolean)
      result.choices = all.data<bool>();
    else
      result.numbers = all.data<float>();
    return result;
  }
  float* new_memory(std::int64_t elements) {
    kept.push_back(Array::empty({elements}));
    return kept.back().data<float>();
  }
  void finish() const {
    for (const auto& [plain, out] : copies) copy_array(plain, out);
  }

  std::vector<Array> kept{};
  std::vector<std::pair<Array, Out>> copies{};
};

using Items = void (*)(const Problem&, std::int64_t begin, std::int64_t end, float* workspace);
void run(const Problem& problem, Items items, std::int64_t count, std::int64_t workspace) {
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    const Array memory = Array::empty({workspace});
    items(problem, begin, end, memory.data<float>());
  });
}

void clear(const Out& out) {
  if (out.array.defined() && !out.accumulate) fill_array(0, out.array);
}

void forward(const AttentionOptions& options, const AttentionArguments& a, const Out& y, const Array& log_sum) {
  if (log_sum.elements() == 0) return;
  Prepared problem(options, a, false);
  problem.y = problem.write(y);
  problem.log_sum = log_sum.data<float>();
  run(problem, attention::forward, problem.batch * problem.heads * problem.query_blocks(),
      attention::forward_workspace(problem));
  problem.finish();
}

void backward(const AttentionOptions& options, const AttentionArguments& a, const Array& y, const Array& log_sum,
              const Array& dy, const AttentionOuts& outs) {
  if (log_sum.elements() == 0 || a.k.shape(2) == 0) {
    for (const Out* out : {&outs.dq, &outs.dk, &outs.dv, &outs.dmask}) clear(*out);
    return;
  }
  Prepared problem(options, a, true);
  problem.y = problem.read(y);
  problem.dy = problem.read(dy);
  problem.dq = problem.write(outs.dq);
  problem.dk = problem.write(outs.dk);
  problem.dv = problem.write(outs.dv);
  if (outs.dmask.array.defined()) {
    clear(outs.dmask);  // blocks that see nothing are skipped
    problem.dmask = problem.grid(outs.dmask.array);
  }
  problem.log_sum = log_sum.data<float>();
  problem.mean = problem.new_memory(log_sum.elements());
  parallel_for(log_sum.elements(), 64,
               [&](std::int64_t begin, std::int64_t end) { attention::means(problem, begin, end); });

  const std::int64_t sequences = problem.batch * problem.key_heads, workspace = attention::backward_workspace(problem);
  if (sequences % threads() == 0 || sequences >= 4 * threads()) {
    run(problem, attention::backward, sequences, workspace);
  } else {
    if (problem.dk.data || problem.dv.data)
      run(problem, attention::backward_keys, sequences * problem.key_blocks(), workspace);
    if (problem.dq.data || problem.dmask.exists())
      run(problem, attention::backward_queries, problem.batch * problem.heads * problem.query_blocks(), workspace);
  }
  problem.finish();
}

}  // namespace

void fill_attention(Kernels& table) {
  table.attention.forward = forward;
  table.attention.backward = backward;
}

}  // namespace joist
