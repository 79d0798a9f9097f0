// An option that must be given: a forgotten one is a compile error.
#pragma once

#include <initializer_list>
#include <utility>

namespace joist {

template <class T>
class Required {
 public:
  Required() = delete;
  Required(T value) : value_(std::move(value)) {}  // NOLINT: implicit, so that .in = 3 can be written
  /// So that .in = {128, 256} can be written for a list.
  template <class List = T>
  requires requires { typename List::value_type; }
  Required(std::initializer_list<typename List::value_type> values) : value_(values) {}  // NOLINT: implicit as above
  operator const T&() const { return value_; }

 private:
  T value_;
};

}  // namespace joist
