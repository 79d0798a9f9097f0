// N ranks in the threads of this test.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace joist::parallel {

/// Runs body(rank's communicator) in a thread per rank; the answer is what() of what each rank threw, "" for nothing.
template <class Pointer>
std::vector<std::string> on_ranks(std::vector<Pointer> ranks, const std::function<void(Communicator&)>& body) {
  std::vector<std::string> errors(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    threads.emplace_back([&, r] {
      try {
        const auto own = std::move(ranks[r]);  // dies here, as it does in a process that ends
        body(*own);
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

inline std::vector<std::string> on_ranks(int size, const std::function<void(Communicator&)>& body) {
  return on_ranks(thread_communicators(size), body);
}

}  // namespace joist::parallel
