// A model is a plain struct; its parameters and buffers are found by the types of its members, at compile time.
// Dotted member paths are the state-dict names.
//
// A member may be a Parameter, a Buffer, a Tensor (not state, ignored), a number or other plain datum (ignored), a
// struct of such members, or a std::vector, std::array, std::map, std::optional, std::variant or std::unique_ptr of
// such. A std::vector of std::pair<std::string, …> holds members whose names are known at run time; a member called ""
// adds nothing to the names of those inside. A class with constructors shows its members by one line:
//   auto fields() { return joist::fields("weight", weight, "bias", bias); }
#pragma once

#include <joist/core/reflect.h>
#include <joist/core/tensor.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace joist {

/// One entry of a model's state. The tensor shares memory with the model's member.
struct Field {
  std::string name{};
  Tensor tensor{};
  bool trainable = false;  ///< Parameter, not Buffer
};

/// Name, member, name, member, …
template <class... Members>
auto fields(Members&&... members) {
  static_assert(sizeof...(Members) % 2 == 0, "fields(name, member, name, member, …)");
  return std::tuple<
      std::conditional_t<std::is_lvalue_reference_v<Members> && !std::is_array_v<std::remove_reference_t<Members>>,
                         Members, std::string_view>...>(members...);
}

/// Specialize as true for a class that holds no state and has no fields(): it is skipped.
template <class T>
inline constexpr bool is_plain_datum = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>;
template <>
inline constexpr bool is_plain_datum<std::string> = true;
template <>
inline constexpr bool is_plain_datum<Tensor> = true;
template <>
inline constexpr bool is_plain_datum<Array> = true;
template <>
inline constexpr bool is_plain_datum<Shape> = true;

namespace detail {

template <class T>
inline constexpr bool is_sequence = false;
template <class T, class A>
inline constexpr bool is_sequence<std::vector<T, A>> = true;
template <class T, std::size_t n>
inline constexpr bool is_sequence<std::array<T, n>> = true;
template <class T>
inline constexpr bool is_named_sequence = false;
template <class T, class A>
inline constexpr bool is_named_sequence<std::vector<std::pair<std::string, T>, A>> = true;
template <class T>
inline constexpr bool is_holder = false;
template <class T>
inline constexpr bool is_holder<std::optional<T>> = true;
template <class T, class D>
inline constexpr bool is_holder<std::unique_ptr<T, D>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;

}  // namespace detail

/// Calls visit(name, Parameter&) and visit(name, Buffer&) for every one in the model, in order of declaration.
template <class M, class Visit>
void visit_fields(M& model, const Visit& visit, const std::string& name = "") {
  const auto below = [&name](std::string_view part) {
    return name.empty() || part.empty() ? name + std::string(part) : name + "." + std::string(part);
  };
  if constexpr (std::is_same_v<M, Parameter> || std::is_same_v<M, Buffer>) {
    if (model.defined()) visit(name, model);
  } else if constexpr (requires { model.fields(); }) {
    auto parts = model.fields();
    const auto each = [&]<std::size_t... i>(std::index_sequence<i...>) {
      (visit_fields(std::get<2 * i + 1>(parts), visit, below(std::get<2 * i>(parts))), ...);
    };
    each(std::make_index_sequence<std::tuple_size_v<decltype(parts)> / 2>{});
  } else if constexpr (detail::is_named_sequence<M>) {
    for (auto& [key, item] : model) visit_fields(item, visit, below(key));
  } else if constexpr (detail::is_sequence<M>) {
    if constexpr (!is_plain_datum<typename M::value_type>) {
      std::size_t index = 0;
      for (auto& item : model) visit_fields(item, visit, below(std::to_string(index++)));
    }
  } else if constexpr (detail::is_map<M>) {
    for (auto& [key, item] : model) visit_fields(item, visit, below(key));
  } else if constexpr (detail::is_variant<M>) {
    std::visit([&](auto& active) { visit_fields(active, visit, name); }, model);
  } else if constexpr (detail::is_holder<M>) {
    if (model) visit_fields(*model, visit, name);
  } else if constexpr (!is_plain_datum<M>) {
    static_assert(
        std::is_aggregate_v<M>,
        "this member is a class with constructors: give it a line `auto fields() { return joist::fields(\"name\", "
        "member, …); }`, or specialize joist::is_plain_datum when it holds no parameters");
    auto addresses = reflect::members(model);
    const auto each = [&]<std::size_t... i>(std::index_sequence<i...>) {
      (visit_fields(*std::get<i>(addresses), visit, below(reflect::member_name<M, i>())), ...);
    };
    each(std::make_index_sequence<std::tuple_size_v<decltype(addresses)>>{});
  }
}

/// All parameters and buffers with their state-dict names.
template <class M>
std::vector<Field> fields_of(M& model) {
  std::vector<Field> found;
  visit_fields(model, [&found]<class F>(const std::string& name, F& field) {
    found.push_back({name, field, std::is_same_v<F, Parameter>});
  });
  return found;
}

/// A dense copy of an array on its own device.
Array copy_of(const Array& array);

/// A model with memory of its own.
template <class M>
M clone(const M& model) {
  M copy = model;
  visit_fields(copy, []<class F>(const std::string&, F& field) { field = F(copy_of(field.value())); });
  return copy;
}

}  // namespace joist
