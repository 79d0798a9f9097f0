// The kernel table as a list: every entry by its family's and its own number, at compile time.
#pragma once

#include <joist/core/kernels.h>
#include <joist/core/reflect.h>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace joist {

/// The entry number `entry` of family number `family` of a table.
template <std::size_t family, std::size_t entry, class Table>
auto& entry_of(Table& table) {
  return *std::get<entry>(reflect::members(*std::get<family>(reflect::members(table))));
}

/// Calls visit.operator()<family, entry>() for every kernel of the table.
template <class Visit>
void for_each_kernel(const Visit& visit) {
  const auto each_family = [&]<std::size_t family>(std::integral_constant<std::size_t, family>) {
    using Family =
        std::remove_pointer_t<std::tuple_element_t<family, decltype(reflect::members(std::declval<Kernels&>()))>>;
    [&]<std::size_t... entry>(std::index_sequence<entry...>) { (visit.template operator()<family, entry>(), ...); }
    (std::make_index_sequence<std::tuple_size_v<decltype(reflect::members(std::declval<Family&>()))>>{});
  };
  [&]<std::size_t... family>(std::index_sequence<family...>) {
    (each_family(std::integral_constant<std::size_t, family>{}), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(reflect::members(std::declval<Kernels&>()))>>{});
}

}  // namespace joist
