// Collectives over one connection per pair of ranks: what "threads" and "tcp" are made of.
#pragma once

#include <joist/core/formats/system_error.h>
#include <joist/core/parallel/communicator.h>
#include <joist/core/parallel/mesh.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace joist::parallel {

struct MeshLinks {
  int rank = 0;
  int size = 1;
  std::string transport{};
  std::vector<Descriptor> data{};   ///< a connected stream socket per rank, its own place empty
  std::vector<Descriptor> watch{};  ///< rank 0: one per rank, its own place empty; others: one, to rank 0
  std::chrono::milliseconds timeout{120'000};
  bool compare_calls = false;                                      ///< see Watch::compare
  std::function<MessageFate(int to, std::uint64_t count)> fate{};  ///< for tests of faults
};

/// A rank whose collectives go through these links. Large ones go around a ring, small ones directly.
class MeshCommunicator : public Communicator {
 public:
  explicit MeshCommunicator(MeshLinks links);
  ~MeshCommunicator() override;

  int rank() const noexcept override;
  int size() const noexcept override;
  std::string transport() const override;
  void submit(std::shared_ptr<Collective> collective) override;
  void abort(const std::string& reason) override;
  bool aborted() const noexcept override;
  /// Ends without a word, as a killed process does. For tests.
  void sever();

 protected:
  void throw_if_aborted() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The links of `size` ranks in this process, through socket pairs. Throws UsageError below 1, EnvironmentError when
/// the system gives too few files.
std::vector<MeshLinks> links_in_process(int size);

}  // namespace joist::parallel
