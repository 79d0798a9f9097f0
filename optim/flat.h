// One buffer of parameters and one of gradients, so that optimizers, clipping and averaging are one pass over memory.
#pragma once

#include <joist/core/fields.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// Which parameters share rate, momentum and weight decay.
struct ParameterGroup {
  std::string name{};
  bool decay = true;      ///< whether the optimizer's weight decay applies
  bool to_start = false;  ///< whether pull_to_start() applies
};
using Grouping = std::function<ParameterGroup(const Field&)>;

/// "weight" (decays), "norm" (rank 0 or 1) and "bias" (last part of the name): the detectors' usual three groups.
ParameterGroup by_kind(const Field& field);
/// One group, everything decays: what torch.optim does without groups.
ParameterGroup together(const Field& field);

/// Named arrays that an optimizer needs to go on as if it had never stopped.
struct NamedState {
  std::string name{};
  Array array{};
};

/// Moves the trainable parameters of a model into one buffer and their gradients into another. Slices begin on 64-byte
/// borders, the padding between them is zero and stays zero; groups lie one after the other. Tensors that occur twice
/// (ties) and those that do not require a gradient (frozen) take no second or no place. The tensors keep their strides
/// where they are dense.
class FlatParameters {
 public:
  struct Slice {
    std::string name{};
    Tensor tensor{};
    std::int64_t first = 0;     ///< element of the buffer
    std::int64_t elements = 0;  ///< without padding
  };
  struct Group {
    std::string name{};
    bool decay = true;
    bool to_start = false;
    Array values{};     ///< view of the buffer with padding, rank 1
    Array gradients{};  ///< the same of the gradients
    std::int64_t first = 0;
  };

  /// Throws DtypeError or InternalError when the parameters differ in dtype or device, UsageError when there is none.
  explicit FlatParameters(std::span<const Field> fields, const Grouping& grouping = by_kind);
  /// Elements [first, last) of another one, which must outlive it: views of its buffers, for optimizers that treat
  /// every number on its own. Groups are those of the whole, also where nothing of one lies in this part; slices have
  /// rank 1 and those at the borders are pieces.
  FlatParameters(const FlatParameters& whole, std::int64_t first, std::int64_t last);
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  const std::vector<Slice>& slices() const noexcept { return slices_; }
  const std::vector<Group>& groups() const noexcept { return groups_; }
  const Array& values() const noexcept { return values_; }        ///< [elements with padding]
  const Array& gradients() const noexcept { return gradients_; }  ///< the same length
  /// Trainable numbers, without padding.
  std::int64_t count() const noexcept { return count_; }

  /// Whether this tensor has a slice.
  bool holds(const Tensor& tensor) const noexcept;
  /// The part of a buffer as long as values() that belongs to a slice, with the parameter's shape and strides.
  Array part(const Array& buffer, const Slice& slice) const;
  /// A new buffer as long as values(), zero.
  Array zeros() const;
  /// The parts of such a buffer, named `prefix` + parameter.
  std::vector<NamedState> parts(const Array& buffer, const std::string& prefix) const;
  /// Copies arrays so named into a buffer. Throws DataError when one is missing or has another shape; nothing is
  /// written then.
  void assign_parts(const Array& buffer, const std::string& prefix, std::span<const NamedState> from) const;

  /// Zero for every gradient that no backward has written since clear_gradients().
  void complete_gradients();
  /// Tells the tape that all gradients are there: something else than backward wrote the buffer.
  void gradients_written() const;
  /// The memory stays and the next backward overwrites it.
  void clear_gradients();
  /// Tells the tape that the values were written.
  void values_written() const noexcept { values_.bump_version(); }

 private:
  Array values_{}, gradients_{};
  std::vector<Slice> slices_{};
  std::vector<Group> groups_{};
  std::int64_t count_ = 0;
};

}  // namespace joist
