// The families of the dispatcher, and helpers that several of them share.
#pragma once

#include <joist/tests/torch/table.h>

namespace joist::torchdb {

void add_elementwise(Table& table);
void add_binary(Table& table);
void add_comparison(Table& table);
void add_creation(Table& table);
void add_matmul(Table& table);
void add_shape(Table& table);
void add_reduction(Table& table);
void add_convolution(Table& table);
void add_pooling(Table& table);
void add_softmax(Table& table);
void add_indexing(Table& table);
void add_loss(Table& table);
void add_linalg(Table& table);
void add_modules(Table& table);
void add_activation_modules(Table& table);
void add_sequence_modules(Table& table);

/// x in the element type of the keyword `dtype`, where one is given.
inline Tensor in_dtype(const Args& args, const Tensor& x) {
  const auto dtype = args.dtype();
  return dtype ? to(x, *dtype) : x;
}

/// Marks arguments that change nothing in the result: where the result lives, how it is laid out, whether memory is
/// reused.
inline void place_only(const Args& args) {
  for (const char* name : {"device", "layout", "memory_format", "requires_grad", "pin_memory", "inplace", "generator"})
    (void)args.at(-1, name);
}

}  // namespace joist::torchdb
