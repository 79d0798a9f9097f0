// Member names and addresses of a plain struct, read at compile time: no registration, no macro. Up to 32 members.
// Names come from the compiler's spelling of a pointer to the member of an object that is declared but never defined.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace joist::reflect {

/// Converts to anything; used to count how many initializers an aggregate takes.
struct Any {
  template <class T>
  operator T() const;
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Any{})...}; };
}

/// The shortest list of at least two initializers that an aggregate takes; 0 for none up to 32.
template <class T, std::size_t n = 2>
constexpr std::size_t least_initializers() {
  if constexpr (n > 32)
    return 0;
  else if constexpr (takes<T>(std::make_index_sequence<n>{}))
    return n;
  else
    return least_initializers<T, n + 1>();
}

/// Number of members of an aggregate.
template <class T, std::size_t n = 0>
constexpr std::size_t member_count() {
  static_assert(n <= 33, "a model struct may have at most 32 members: give it a fields() function or group members");
  if constexpr (takes<T>(std::make_index_sequence<n + 1>{})) {
    return member_count<T, n + 1>();
  } else if constexpr (n > 0 || std::is_empty_v<T>) {
    return n;
  } else {  // a member without a default value takes no shorter list than one that reaches it
    constexpr std::size_t least = least_initializers<T>();
    static_assert(least > 0,
                  "this struct shows no members (a reference, a base class or more than 32 of them?): give it a line "
                  "`auto fields() { return joist::fields(\"name\", member, …); }`");
    return member_count<T, least>();
  }
}

/// Addresses of all members in order of declaration.
template <class T>
constexpr auto members(T& object) {
  constexpr std::size_t count = member_count<std::remove_const_t<T>>();
  static_assert(count <= 32,
                "a model struct may have at most 32 members: give it a fields() function or group members");
  if constexpr (count == 0) return std::tuple<>{};
  if constexpr (count == 1) {
    auto& [m0] = object;
    return std::make_tuple(&m0);
  }
  if constexpr (count == 2) {
    auto& [m0, m1] = object;
    return std::make_tuple(&m0, &m1);
  }
  if constexpr (count == 3) {
    auto& [m0, m1, m2] = object;
    return std::make_tuple(&m0, &m1, &m2);
  }
  if constexpr (count == 4) {
    auto& [m0, m1, m2, m3] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3);
  }
  if constexpr (count == 5) {
    auto& [m0, m1, m2, m3, m4] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4);
  }
  if constexpr (count == 6) {
    auto& [m0, m1, m2, m3, m4, m5] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5);
  }
  if constexpr (count == 7) {
    auto& [m0, m1, m2, m3, m4, m5, m6] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6);
  }
  if constexpr (count == 8) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7);
  }
  if constexpr (count == 9) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8);
  }
  if constexpr (count == 10) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9);
  }
  if constexpr (count == 11) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10);
  }
  if constexpr (count == 12) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11);
  }
  if constexpr (count == 13) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12);
  }
  if constexpr (count == 14) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13);
  }
  if constexpr (count == 15) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14);
  }
  if constexpr (count == 16) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15);
  }
  if constexpr (count == 17) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16);
  }
  if constexpr (count == 18) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17);
  }
  if constexpr (count == 19) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18);
  }
  if constexpr (count == 20) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19);
  }
  if constexpr (count == 21) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20);
  }
  if constexpr (count == 22) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21);
  }
  if constexpr (count == 23) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22] =
        object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22);
  }
  if constexpr (count == 24) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
           m23] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23);
  }
  if constexpr (count == 25) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24);
  }
  if constexpr (count == 26) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25);
  }
  if constexpr (count == 27) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26);
  }
  if constexpr (count == 28) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26, &m27);
  }
  if constexpr (count == 29) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26, &m27, &m28);
  }
  if constexpr (count == 30) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26, &m27, &m28, &m29);
  }
  if constexpr (count == 31) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26, &m27, &m28, &m29, &m30);
  }
  if constexpr (count == 32) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31] = object;
    return std::make_tuple(&m0, &m1, &m2, &m3, &m4, &m5, &m6, &m7, &m8, &m9, &m10, &m11, &m12, &m13, &m14, &m15, &m16,
                           &m17, &m18, &m19, &m20, &m21, &m22, &m23, &m24, &m25, &m26, &m27, &m28, &m29, &m30, &m31);
  }
}

template <class T>
struct Imagined {
  T value;
  static Imagined<T> object;  // never defined: only addresses inside it are taken, at compile time
};

template <class T, std::size_t i>
consteval auto member_address() {
  return std::get<i>(members(Imagined<T>::object.value));
}

template <auto address>
consteval std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}

/// Name of member i of T.
template <class T, std::size_t i>
consteval std::string_view member_name() {
  // GCC: "… [with auto address = (& Imagined<T>::object.Imagined<T>::value.T::name); …]", clang: "… [address =
  // &object.value.name]"
  std::string_view text = spelled<member_address<T, i>()>();
  text = text.substr(
      0, text.find_first_of(");]", text.find("address = (&") == text.npos ? text.find("address = &")
                                                                          : text.find("address = (&") + 12));
  return text.substr(text.find_last_of(":.") + 1);
}

}  // namespace joist::reflect
