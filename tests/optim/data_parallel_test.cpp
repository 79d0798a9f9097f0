// Gradients of several ranks against those of one; buckets, sharded optimizer state, balanced sums.
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/layers/normalization.h>
#include <joist/optim/adam.h>
#include <joist/optim/muon.h>
#include <joist/optim/parallel/data_parallel.h>
#include <joist/optim/parallel/running_buffers.h>
#include <joist/optim/parallel/sharded.h>
#include <joist/optim/parallel/tree_sum.h>
#include <joist/optim/sgd.h>
#include <joist/tests/support/ranks.h>

#include <cmath>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

namespace joist {
namespace {

using parallel::Communicator;
using parallel::DataParallel;
using testing::on_ranks;

struct Network {
  Conv2d conv{{.in = 2, .out = 8, .kernel = 3, .bias = false}};
  BatchNorm2d bn{{.channels = 8, .activation = Relu{}}};
  Linear first{{.in = 8 * 16, .out = 33}};
  Linear second{{.in = 33, .out = 5}};
  Tensor operator()(const Tensor& x) const { return second(relu(first(flatten(bn(conv(x)))))); }
};

Array pictures(std::int64_t count, std::uint32_t draw) {
  const Array array = Array::empty({count, 2, 4, 4});
  kernels(cpu).random.normal({.seed = 3, .stream = Stream::test, .draw = draw}, 0, 1, array);
  return array;
}

// The sum of the losses of pictures [first, last) of a batch, divided by its size.
Tensor loss_of(const Network& network, std::int64_t count, std::uint32_t draw, std::int64_t first, std::int64_t last,
               double divisor) {
  Random random({.seed = 4, .stream = Stream::test, .draw = draw});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(static_cast<std::int64_t>(random.below(5)));
  const Array truth = Array::from(labels, {count});
  const Array all = pictures(count, draw);
  return sum(cross_entropy(network(Tensor(all.sliced(0, first, last))), truth.sliced(0, first, last))) * (1 / divisor);
}

using Numbers = std::map<std::string, std::vector<float>>;

Numbers weights_of(std::vector<Field> fields) {
  Numbers numbers;
  for (const Field& field : fields)
    if (field.tensor.dtype() == Dtype::float32) numbers[field.name] = field.tensor.value().to_vector<float>();
  return numbers;
}

void expect_near(const Numbers& found, const Numbers& expected, double tolerance) {
  for (const auto& [name, numbers] : expected)
    for (std::size_t i = 0; i < numbers.size(); ++i)
      ASSERT_NEAR(found.at(name).at(i), numbers[i], tolerance) << name << " " << i;
}

struct Setting {
  std::vector<std::int64_t> batches{7, 8, 2};  // of each step; shares are uneven, and empty with four ranks
  int accumulate = 1;
  parallel::DataParallelOptions options{};
  std::int64_t overlapped = 0, buckets = 0;  // results
};

// Trains some steps and returns rank 0's weights.
Numbers train(int ranks, Setting& setting) {
  Numbers result;
  std::mutex mutex;
  on_ranks(ranks, [&](Communicator& world) {
    manual_seed(static_cast<std::uint64_t>(5 + world.rank()));  // rank 0's weights count
    Network network;
    const std::vector<Field> fields = fields_of(network);
    FlatParameters parameters(fields);
    DataParallel shared(world, parameters, fields, setting.options);
    std::unique_ptr<Optimizer> optimizer;
    const AdamWOptions adam{.lr = 0.01};
    if (setting.options.shard)
      optimizer = std::make_unique<parallel::ShardedOptimizer>(
          world, parameters, [&](FlatParameters& part) { return std::make_unique<AdamW>(part, adam); });
    else
      optimizer = std::make_unique<AdamW>(parameters, adam);
    std::uint32_t draw = 0;
    for (const std::int64_t batch : setting.batches) {
      for (int i = 0; i < setting.accumulate; ++i) {
        const auto [first, last] = shared.share(batch);
        const parallel::SharedStatistics statistics(world);
        shared.backward(loss_of(network, batch, draw++, first, last, static_cast<double>(batch)),
                        i + 1 == setting.accumulate);
      }
      EXPECT_GT(shared.clip_gradient_norm(0.5), 0);
      optimizer->step();
    }
    const std::lock_guard lock(mutex);
    const Numbers mine = weights_of(fields);
    if (world.rank() == 0) {
      setting.overlapped = shared.overlapped();
      setting.buckets = static_cast<std::int64_t>(shared.buckets().size());
    }
    if (result.empty()) result = mine;
    EXPECT_EQ(mine, result) << "all ranks have the same weights";
  });
  return result;
}

TEST(DataParallel, IsOneProcessWhateverTheShares) {
  for (const int accumulate : {1, 3}) {
    Setting one{.accumulate = accumulate};
    const Numbers expected = train(1, one);
    for (const int ranks : {2, 3, 4})
      for (const bool shard : {false, true}) {
        Setting setting{.accumulate = accumulate,
                        .options = {.bucket_mb = 0.002, .first_bucket_mb = 0.0005, .shard = shard}};
        expect_near(train(ranks, setting), expected, 2e-4);
        if (!shard) {
          EXPECT_GT(setting.buckets, 3) << ranks;
        }
      }
  }
}

TEST(DataParallel, BucketsTravelWhileBackwardRuns) {
  Setting setting{.batches = {8, 8, 8}, .options = {.bucket_mb = 0.002, .first_bucket_mb = 0.0005}};
  train(2, setting);
  EXPECT_GT(setting.overlapped, 2);
  EXPECT_EQ(setting.overlapped, setting.buckets);
  setting.options.overlap = false;
  train(2, setting);
  EXPECT_EQ(setting.overlapped, 0);
}

TEST(DataParallel, ARankWithoutALossAddsZeros) {
  Network start;
  Numbers alone, together;
  for (const int ranks : {1, 2})
    on_ranks(ranks, [&, ranks](Communicator& world) {
      Network network = clone(start);
      FlatParameters parameters(fields_of(network));
      DataParallel shared(world, parameters, fields_of(network));
      for (int step = 0; step < 3; ++step) {
        parameters.clear_gradients();
        if (world.rank() == 0)
          shared.backward(loss_of(network, 4, 1, 0, 4, 4));
        else
          shared.exchange();
      }
      Numbers numbers{{"gradient", parameters.gradients().to_vector<float>()}};
      if (world.rank() == ranks - 1) (ranks == 1 ? alone : together) = numbers;
    });
  expect_near(together, alone, 1e-6);
}

TEST(Buckets, CoverTheBufferOnceInTheOrderOfBackward) {
  std::vector<parallel::SlicePlace> places;
  std::int64_t next = 0;
  for (int i = 0; i < 40; ++i) {
    places.push_back({"layer" + std::to_string(i), next, i < 30 ? 0U : 1U});
    next += 16 * (1 + i % 7);
  }
  for (const std::int64_t bytes : {64, 1000, 5000, 1 << 20}) {
    const auto buckets = parallel::make_buckets(places, next, 4, bytes / 4 + 1, bytes);
    std::vector<int> seen(static_cast<std::size_t>(next));
    std::size_t slices = 0;
    for (const parallel::Bucket& bucket : buckets) {
      slices += bucket.slices.size();
      for (std::int64_t i = bucket.begin; i < bucket.end; ++i) ++seen[static_cast<std::size_t>(i)];
      if (bucket.slices.size() > 1) {
        EXPECT_LE((bucket.end - bucket.begin) * 4, bytes);
      }
    }
    EXPECT_EQ(slices, places.size());
    EXPECT_EQ(seen, std::vector<int>(static_cast<std::size_t>(next), 1));
    EXPECT_EQ(buckets.front().slices.front(), 39U) << "the last layer is finished first";
  }
  // Backward finished the second group's slices last: its buckets travel last.
  std::vector<std::size_t> ready;
  for (std::size_t i = 30; i-- > 0;) ready.push_back(i);
  for (std::size_t i = 40; i-- > 30;) ready.push_back(i);
  const auto buckets = parallel::make_buckets(places, next, 4, 500, 5000, ready);
  EXPECT_EQ(buckets.front().slices.front(), 29U);
  EXPECT_GE(buckets.back().slices.front(), 30U);
}

TEST(Buckets, ShardsOf4096RanksAreTheWhole) {
  for (const std::int64_t elements : {std::int64_t{16}, std::int64_t{3'012'032}, std::int64_t{1} << 34}) {
    const auto bounds = parallel::shard_bounds(elements, 4096);
    ASSERT_EQ(bounds.size(), 4097U);
    EXPECT_EQ(bounds.front(), 0);
    EXPECT_EQ(bounds.back(), elements);
    for (std::size_t rank = 0; rank < 4096; ++rank) {
      EXPECT_EQ(bounds[rank] % 16, 0);
      EXPECT_LE(bounds[rank + 1] - bounds[rank], elements / 4096 + 16) << rank;
    }
  }
}

// State of a run of `ranks` ranks after some steps, gone on with by `others`.
Numbers saved_and_resumed(int ranks, int others, bool shard) {
  OptimizerState saved;
  std::vector<NamedState> weights;
  Numbers result;
  std::mutex mutex;
  const auto steps = [&](int count, int steps_before, int size, bool resumes) {
    on_ranks(size, [&](Communicator& world) {
      manual_seed(5);
      Network network;
      const std::vector<Field> fields = fields_of(network);
      FlatParameters parameters(fields);
      const auto make = [](FlatParameters& part) { return std::make_unique<Nadam>(part, NadamOptions{.lr = 0.01}); };
      std::unique_ptr<Optimizer> optimizer;
      if (shard && size > 1)
        optimizer = std::make_unique<parallel::ShardedOptimizer>(world, parameters, make);
      else
        optimizer = make(parameters);
      if (resumes) {
        parameters.assign_parts(parameters.values(), "", weights);
        optimizer->load(saved);
      }
      for (int step = steps_before; step < steps_before + count; ++step) {
        // The same gradient on every rank: what differs is only who updates what.
        const Array& gradients = parameters.gradients();
        kernels(cpu).random.normal({.seed = 9, .stream = Stream::test, .step = static_cast<std::uint32_t>(step)}, 0, 1,
                                   gradients);
        parameters.gradients_written();
        optimizer->step();
      }
      OptimizerState state = optimizer->state();
      const std::lock_guard lock(mutex);
      if (world.rank() != size - 1) return;
      for (NamedState& one : state.arrays) one.array = copy_of(one.array);
      saved = state;
      weights.clear();
      for (const NamedState& one : parameters.parts(parameters.values(), ""))
        weights.push_back({one.name, copy_of(one.array)});
      result = weights_of(fields);
      for (const NamedState& one : state.arrays)
        result["optimizer " + one.name] = to(Tensor(one.array), Dtype::float32).value().to_vector<float>();
    });
  };
  steps(3, 0, ranks, false);
  steps(2, 3, others, true);
  return result;
}

TEST(ShardedOptimizer, SavedByAnyNumberOfRanksItGoesOnOnAnyNumber) {
  const Numbers expected = saved_and_resumed(1, 1, false);
  for (const int ranks : {1, 2, 4})
    for (const int others : {1, 2, 3, 4}) {
      const Numbers found = saved_and_resumed(ranks, others, true);
      EXPECT_EQ(found, expected) << ranks << " ranks, then " << others;
    }
}

TEST(ShardedOptimizer, EachRankKeepsItsPartOnly) {
  on_ranks(4, [](Communicator& world) {
    Network network;
    FlatParameters parameters(fields_of(network));
    parallel::ShardedOptimizer optimizer(world, parameters,
                                         [](FlatParameters& part) { return std::make_unique<AdamW>(part); });
    for (const NamedState& buffer : optimizer.inner().flat_buffers())
      EXPECT_LE(buffer.array.elements(), parameters.values().elements() / 4 + 16);
  });
}

TEST(ShardedOptimizer, RefusesOptimizersThatNeedWholeParameters) {
  on_ranks(1, [](Communicator& world) {
    Network network;
    FlatParameters parameters(fields_of(network));
    const auto muon = [](FlatParameters& part) { return std::make_unique<Muon>(part); };
    EXPECT_THROW(parallel::ShardedOptimizer(world, parameters, muon), UsageError);
  });
}

TEST(TreeSum, AnyNumberOfRanksGivesTheSameBits) {
  constexpr std::int64_t elements = 1003;
  for (const std::int64_t leaves : {1, 2, 8, 16}) {
    std::vector<float> expected;
    for (const int ranks : {1, 2, 3, 4, 5, 8}) {
      std::vector<std::vector<float>> found(static_cast<std::size_t>(ranks));
      on_ranks(ranks, [&](Communicator& world) {
        parallel::TreeSum sum(world, leaves);
        for (int round = 0; round < 2; ++round) {  // memory is used again
          for (std::int64_t leaf = sum.first(); leaf < sum.last(); ++leaf) {
            const Array numbers = Array::empty({elements});
            kernels(cpu).random.normal({.seed = 1, .stream = Stream::test, .draw = static_cast<std::uint32_t>(leaf)}, 0,
                                       100, numbers);
            sum.add(numbers);
          }
          const Array out = Array::empty({elements});
          sum.finish("test", out);
          found[static_cast<std::size_t>(world.rank())] = out.to_vector<float>();
        }
      });
      if (expected.empty()) expected = found[0];
      for (const auto& one : found) EXPECT_EQ(one, expected) << leaves << " leaves, " << ranks << " ranks";
    }
    // A sum from left to right has other bits: the test can tell.
    if (leaves < 8) continue;
    std::vector<float> plain(elements);
    for (std::int64_t leaf = 0; leaf < leaves; ++leaf) {
      const Array numbers = Array::empty({elements});
      kernels(cpu).random.normal({.seed = 1, .stream = Stream::test, .draw = static_cast<std::uint32_t>(leaf)}, 0, 100,
                                 numbers);
      for (std::size_t i = 0; i < plain.size(); ++i) plain[i] += numbers.data<float>()[i];
    }
    EXPECT_NE(plain, expected);
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(plain[i], expected[i], 1e-2);
  }
  on_ranks(1, [](Communicator& world) { EXPECT_THROW(parallel::TreeSum(world, 6), UsageError); });
}

TEST(TreeSum, SubtreesAreCompleteAndInOrder) {
  using Trees = std::vector<std::pair<std::int64_t, std::int64_t>>;
  EXPECT_EQ(parallel::TreeSum::subtrees(0, 8), (Trees{{0, 8}}));
  EXPECT_EQ(parallel::TreeSum::subtrees(2, 5), (Trees{{2, 2}, {4, 1}}));
  EXPECT_EQ(parallel::TreeSum::subtrees(5, 8), (Trees{{5, 1}, {6, 2}}));
  EXPECT_EQ(parallel::TreeSum::subtrees(1, 8), (Trees{{1, 1}, {2, 2}, {4, 4}}));
  EXPECT_EQ(parallel::TreeSum::subtrees(3, 3), Trees{});
}

TEST(RunningBuffers, WhatNoPartMovesKeepsItsBits) {
  on_ranks(3, [](Communicator& world) {
    Network network;
    const parallel::RunningBuffers buffers(fields_of(network));
    kernels(cpu).random.normal({.seed = 1, .stream = Stream::test}, 0, 1, network.bn.running_mean.value());
    const auto start = buffers.take();
    auto part = buffers.take();
    const Array moved = buffers.movement(start, part, 1.0 / 3);
    world.all_reduce("movement", moved).wait();
    buffers.move(world, start, moved, {&part, 1});
    EXPECT_EQ(buffers.take().numbers.to_vector<float>(), start.numbers.to_vector<float>());
  });
}

}  // namespace
}  // namespace joist
