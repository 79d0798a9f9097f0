// What kernel bodies see of the machine when g++ compiles them; device/block.h is the same for nvcc.
#pragma once

#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/pack.h>

#include <cstring>
#include <type_traits>

#define JOIST_DEVICE

namespace joist::cuda {

/// An element of shared memory: every reading and writing of it is watched.
template <class T>
class SharedElement {
 public:
  SharedElement(T* place, const emulator::Bounds& bounds) : place_(place), bounds_(bounds) {}
  operator T() const {  // NOLINT: reads like the element that it stands for
    emulator::check(place_, sizeof(T), emulator::Use::read, bounds_, true);
    return *place_;
  }
  const SharedElement& operator=(T value) const {
    emulator::check(place_, sizeof(T), emulator::Use::write, bounds_, true);
    *place_ = value;
    return *this;
  }
  const SharedElement& operator=(const SharedElement& other) const { return *this = static_cast<T>(other); }
  const SharedElement& operator+=(T value) const { return *this = static_cast<T>(*this) + value; }

 private:
  T* place_;
  emulator::Bounds bounds_;
};

template <class T>
class Shared {
 public:
  Shared() = default;
  Shared(T* data, std::int64_t count)
      : data_(data), bounds_{reinterpret_cast<const char*>(data), reinterpret_cast<const char*>(data + count)} {}
  SharedElement<T> operator[](std::int64_t i) const { return {data_ + i, bounds_}; }

 private:
  T* data_ = nullptr;
  emulator::Bounds bounds_{};
};

/// The memory of one array.
class Region {
  using DeviceMemory = emulator::DeviceMemory;

 public:
  Region() = default;
  Region(void* data, const void* begin, const void* end)
      : data_(DeviceMemory::inside(data)), bounds_{DeviceMemory::inside(begin), DeviceMemory::inside(end)} {}
  bool defined() const { return data_ != nullptr; }
  template <class T>
  T load(std::int64_t i) const {
    T value;
    const char* place = data_ + i * static_cast<std::int64_t>(sizeof(T));
    emulator::check(place, sizeof(T), emulator::Use::read, bounds_, false);
    std::memcpy(&value, place, sizeof(T));
    return value;
  }
  template <class T>
  void store(std::int64_t i, T value) const {
    char* place = data_ + i * static_cast<std::int64_t>(sizeof(T));
    emulator::check(place, sizeof(T), emulator::Use::write, bounds_, false);
    std::memcpy(place, &value, sizeof(T));
  }
  /// n elements from the i-th on, which lie at a multiple of their bytes, or of 16 if they have more.
  template <class T, int n>
  Pack<T, n> load_pack(std::int64_t i) const {
    emulator::check_alignment(data_ + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T) * n);
    Pack<T, n> pack;
    for (int k = 0; k < n; ++k) pack.at[k] = load<T>(i + k);
    return pack;
  }
  template <class T, int n>
  void store_pack(std::int64_t i, const Pack<T, n>& pack) const {
    emulator::check_alignment(data_ + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T) * n);
    for (int k = 0; k < n; ++k) store<T>(i + k, pack.at[k]);
  }
  /// Adds in one step that no other thread can come between; the order of several is not defined.
  template <class T>
  void atomic_add(std::int64_t i, T value) const {
    char* place = data_ + i * static_cast<std::int64_t>(sizeof(T));
    emulator::check(place, sizeof(T), emulator::Use::atomic, bounds_, false);
    T old;
    std::memcpy(&old, place, sizeof(T));
    old = static_cast<T>(old + value);
    std::memcpy(place, &old, sizeof(T));
  }

 private:
  char* data_ = nullptr;
  emulator::Bounds bounds_{};
};

/// A block of threads, as one of them sees it.
class Block {
 public:
  using Where = std::source_location;
  int thread() const { return emulator::thread(); }
  int threads() const { return emulator::threads(); }
  std::int64_t index() const { return emulator::block(); }
  std::int64_t count() const { return emulator::blocks(); }
  int lane() const { return thread() % emulator::warp_size; }
  int warp() const { return thread() / emulator::warp_size; }
  int warps() const { return threads() / emulator::warp_size; }
  /// Waits for all threads of the block; what they wrote before, all see afterwards.
  void sync(const Where& where = Where::current()) const { emulator::sync(where); }
  template <class T>
  Shared<T> shared(std::int64_t count) const {
    return {static_cast<T*>(emulator::shared(count * static_cast<std::int64_t>(sizeof(T)))), count};
  }
  /// What the lane at this lane's number xor `mask` gave. All lanes of a warp call it.
  template <class T>
  T shuffle_xor(T value, int mask, const Where& where = Where::current()) const {
    return exchanged(value, lane() ^ mask, where);
  }
  /// What the lane `distance` below gave; below lane 0 the own value.
  template <class T>
  T shuffle_up(T value, int distance, const Where& where = Where::current()) const {
    return exchanged(value, lane() < distance ? lane() : lane() - distance, where);
  }
  template <class T>
  T shuffle(T value, int from, const Where& where = Where::current()) const {
    return exchanged(value, from, where);
  }

 private:
  template <class T>
  static T exchanged(T value, int from, const Where& where) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = emulator::exchange(bits, from, where);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
};

}  // namespace joist::cuda
