// Ranks as threads of the test.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace joist::testing {

/// Runs work(communicator) on `size` threads, one per rank, and throws what the first rank that failed by itself threw.
inline void on_ranks(int size, const std::function<void(parallel::Communicator&)>& work) {
  std::vector<std::unique_ptr<parallel::Communicator>> world = parallel::thread_communicators(size);
  std::vector<std::exception_ptr> errors(world.size());
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < world.size(); ++rank)
    threads.emplace_back([&, rank] {
      try {
        work(*world[rank]);
      } catch (const std::exception& error) {
        errors[rank] = std::current_exception();
        world[rank]->abort(error.what());
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::exception_ptr first;
  for (const std::exception_ptr& error : errors) {
    if (!error) continue;
    if (!first) first = error;
    try {
      std::rethrow_exception(error);
    } catch (const parallel::CommunicatorError&) {  // a consequence
    } catch (...) {
      throw;
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace joist::testing
