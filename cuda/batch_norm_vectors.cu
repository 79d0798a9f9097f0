// Batch normalization of pictures whose channels lie innermost, one place a step behind another: every thread has as
// many neighbouring channels as 16 bytes hold and the numbers of these in registers, every pass over the pictures reads
// them once.
#include <joist/cuda/batch_norm_tiles.h>

namespace joist::cuda {
namespace {

/// Mean and squared distances from it, in one pass: those of a few values at a time, which are put together as Chan,
/// Golub & LeVeque 1979 do. So no difference of large sums is taken.
template <class T>
struct Moments {
  static constexpr int width = Pictures<T>::width, floats = 2 * width + 1;
  static constexpr std::uint32_t unroll = 4;
  Tiles tiles;
  Pictures<T> x;
  Typed<float> means, squares, counts;

  struct Own {
    float count = 0, mean[width] = {}, square[width] = {};
    JOIST_DEVICE void add(int k, float other_mean, float other_square, float share) {
      const float delta = other_mean - mean[k], moved = delta * share;
      mean[k] += moved;
      square[k] += other_square + delta * moved * count;
    }
    template <int n>
    JOIST_DEVICE void add(const Quad (&quads)[n]) {
      const float share = n / (count + n);
      for (int k = 0; k < width; ++k) {
        float total = 0, distances = 0;
        for (int u = 0; u < n; ++u) total += element<T>(quads[u], k);
        const float middle = total * (1.0F / n);
        for (int u = 0; u < n; ++u) {
          const float d = element<T>(quads[u], k) - middle;
          distances += d * d;
        }
        add(k, middle, distances, share);
      }
      count += n;
    }
  };

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(floats * threads_per_block);
    const Seat seat(block, tiles);
    Own own;
    for (std::uint32_t tile = seat.part; seat.mine && tile < tiles.tiles; tile += tiles.parts) {
      const std::uint32_t first = tile * tiles.rows * unroll + seat.row;
      if (first + (unroll - 1) * tiles.rows < tiles.places) {
        Quad quads[unroll];
        for (std::uint32_t u = 0; u < unroll; ++u) quads[u] = x.get(first + u * tiles.rows, seat.vector);
        own.add(quads);
        continue;
      }
      for (std::uint32_t place = first; place < tiles.places; place += tiles.rows) {
        const Quad one[1] = {x.get(place, seat.vector)};
        own.add(one);
      }
    }
    const auto keep = [&] {
      room[2 * width * threads_per_block + block.thread()] = own.count;
      for (int k = 0; k < width; ++k) {
        room[k * threads_per_block + block.thread()] = own.mean[k];
        room[(width + k) * threads_per_block + block.thread()] = own.square[k];
      }
    };
    fold_rows(block, tiles, seat, keep, [&](int other) {
      const float count = room[2 * width * threads_per_block + other];
      if (count == 0) return;
      const float share = count / (own.count + count);
      for (int k = 0; k < width; ++k) {
        const float mean = room[k * threads_per_block + other], square = room[(width + k) * threads_per_block + other];
        own.add(k, mean, square, share);
      }
      own.count += count;
    });
    if (seat.row > 0 || !seat.mine) return;
    for (int k = 0; k < width; ++k) {
      const std::int64_t at = (static_cast<std::int64_t>(seat.vector) * width + k) * tiles.parts + seat.part;
      means.set(at, own.mean[k]);
      squares.set(at, own.square[k]);
    }
    if (seat.vector == 0) counts.set(seat.part, own.count);
  }
};

/// Sums of dz and of dz · normalized.
template <class T, class F>
struct SlopeSums {
  static constexpr int width = Pictures<T>::width, floats = 2 * width;
  static constexpr std::uint32_t unroll = 2;
  Tiles tiles;
  Pictures<T> x, dy;
  LayerLines lines;
  Typed<float> sums, products;
  F activation;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(floats * threads_per_block);
    const Seat seat(block, tiles);
    Line<width> line;
    float sum[width] = {}, product[width] = {};
    if (seat.mine) lines.take(seat.vector, line);
    for (std::uint32_t tile = seat.part; seat.mine && tile < tiles.tiles; tile += tiles.parts) {
      const std::uint32_t first = tile * tiles.rows * unroll + seat.row;
      Quad values[unroll], slopes[unroll];
      for (std::uint32_t u = 0; u < unroll; ++u) {
        const std::uint32_t place = tiles.place(first, u);
        values[u] = x.get(place, seat.vector);
        slopes[u] = dy.get(place, seat.vector);
      }
      for (std::uint32_t u = 0; u < unroll; ++u) {
        const bool exists = first + u * tiles.rows < tiles.places;
        for (int k = 0; k < width; ++k) {
          const float distance = element<T>(values[u], k) - line.center[k],
                      z = line.factor[k] * distance + line.shift[k],
                      dz = (exists ? element<T>(slopes[u], k) : 0.0F) * scalar::slope(activation, z);
          sum[k] += dz;
          product[k] += dz * distance;
        }
      }
    }
    const auto keep = [&] {
      for (int k = 0; k < width; ++k) {
        room[k * threads_per_block + block.thread()] = sum[k];
        room[(width + k) * threads_per_block + block.thread()] = product[k];
      }
    };
    fold_rows(block, tiles, seat, keep, [&](int other) {
      for (int k = 0; k < width; ++k) {
        const float more = room[k * threads_per_block + other], much = room[(width + k) * threads_per_block + other];
        sum[k] += more;
        product[k] += much;
      }
    });
    if (seat.row > 0 || !seat.mine) return;
    float scale[width];
    lines.scale(seat.vector, scale);
    for (int k = 0; k < width; ++k) {
      const std::int64_t at = (static_cast<std::int64_t>(seat.vector) * width + k) * tiles.parts + seat.part;
      sums.set(at, sum[k]);
      products.set(at, product[k] * scale[k]);
    }
  }
};

/// y = activation(z). From the end: what the pass before read last may still be in the cache.
template <class T, class F>
struct Normalize {
  static constexpr int width = Pictures<T>::width;
  static constexpr std::uint32_t unroll = 4;
  Tiles tiles;
  Pictures<T> x, y;
  bool accumulate;
  LayerLines lines;
  F activation;

  JOIST_DEVICE void operator()(Block& block) const {
    const Seat seat(block, tiles);
    if (!seat.mine) return;
    Line<width> line;
    lines.take(seat.vector, line);
    for (std::uint32_t back = seat.part; back < tiles.tiles; back += tiles.parts) {
      const std::uint32_t first = (tiles.tiles - 1 - back) * tiles.rows * unroll + seat.row;
      Quad values[unroll];
      for (std::uint32_t u = 0; u < unroll; ++u) values[u] = x.get(tiles.place(first, u), seat.vector);
      for (std::uint32_t u = 0; u < unroll; ++u) {
        const std::uint32_t place = first + u * tiles.rows;
        if (place >= tiles.places) continue;
        float z[width];
        for (int k = 0; k < width; ++k)
          z[k] =
              scalar::value(activation, line.factor[k] * (element<T>(values[u], k) - line.center[k]) + line.shift[k]);
        y.put(place, seat.vector, z, accumulate);
      }
    }
  }
};

/// dx = factor · (dz - sum/n - normalized · product/n).
template <class T, class F>
struct Gradient {
  static constexpr int width = Pictures<T>::width;
  static constexpr std::uint32_t unroll = 2;
  Tiles tiles;
  Pictures<T> x, dy, dx;
  bool accumulate;
  LayerLines lines;
  ChannelNumbers sums, products;
  F activation;

  JOIST_DEVICE void operator()(Block& block) const {
    const Seat seat(block, tiles);
    if (!seat.mine) return;
    Line<width> line;
    lines.take(seat.vector, line);
    float mean[width], tilt[width];  // of the slopes that are taken off
    {
      float scale[width];
      lines.scale(seat.vector, scale);
      sums.take(seat.vector, mean);
      products.take(seat.vector, tilt);
      const float n = static_cast<float>(tiles.places);
      for (int k = 0; k < width; ++k) {
        mean[k] /= n;
        tilt[k] *= scale[k] / n;
      }
    }
    for (std::uint32_t back = seat.part; back < tiles.tiles; back += tiles.parts) {
      const std::uint32_t first = (tiles.tiles - 1 - back) * tiles.rows * unroll + seat.row;
      Quad values[unroll], slopes[unroll];
      for (std::uint32_t u = 0; u < unroll; ++u) {
        const std::uint32_t place = tiles.place(first, u);
        values[u] = x.get(place, seat.vector);
        slopes[u] = dy.get(place, seat.vector);
      }
      for (std::uint32_t u = 0; u < unroll; ++u) {
        const std::uint32_t place = first + u * tiles.rows;
        if (place >= tiles.places) continue;
        float result[width];
        for (int k = 0; k < width; ++k) {
          const float distance = element<T>(values[u], k) - line.center[k],
                      z = line.factor[k] * distance + line.shift[k],
                      dz = element<T>(slopes[u], k) * scalar::slope(activation, z);
          result[k] = line.factor[k] * (dz - mean[k] - tilt[k] * distance);
        }
        dx.put(place, seat.vector, result, accumulate);
      }
    }
  }
};

/// Calls work(T{}, activation) with the types of the elements and of the function.
template <class Work>
void with_types(Dtype dtype, const Activation& activation, const Work& work) {
  activation.visit([&](const auto& f) { with_floating_type(dtype, [&](auto type) { work(type, f); }); });
}

}  // namespace

std::int64_t& most_batch_norm_blocks() {
  static std::int64_t most = 1056;  // eight per multiprocessor of an H200
  return most;
}

bool channels_in_vectors(std::initializer_list<const Array*> arrays) {
  const Array& first = **arrays.begin();
  if (!is_floating(first.dtype()) || first.dtype() == Dtype::float64 || first.elements() == 0) return false;
  const auto width = static_cast<std::int64_t>(16 / size_of(first.dtype()));
  if (first.shape(1) % width != 0) return false;
  const std::int64_t places = first.elements() / first.shape(1);
  return std::all_of(arrays.begin(), arrays.end(), [&](const Array* array) {
    if (array->dtype() != first.dtype() || !channels_inside(*array) || !begins_quad(*array)) return false;
    const std::int64_t step = place_step(*array);
    return step >= first.shape(1) && step % width == 0 && places * step / width <= 0x40000000;  // counted in 32 bits
  });
}

Parts moments_by_vectors(const Array& x) {
  Parts parts;
  with_floating_type(x.dtype(), [&]<class T>(T) {
    using Body = Moments<T>;
    const Tiles tiles(x, Body::width, Body::unroll);
    parts = Parts(x.shape(1), tiles.parts, x.device());
    launch(
        "batch_norm", tiles.grid(Body::floats),
        Body{tiles, Pictures<T>(x), Typed<float>(parts.first), Typed<float>(parts.second), Typed<float>(parts.counts)});
  });
  return parts;
}

Parts slopes_by_vectors(const Array& x, const Array& dy, const Normalization& layer) {
  Parts parts;
  with_types(x.dtype(), layer.activation, [&]<class T, class F>(T, const F& activation) {
    using Body = SlopeSums<T, F>;
    const Tiles tiles(x, Body::width, Body::unroll);
    parts = Parts(x.shape(1), tiles.parts, x.device());
    launch("batch_norm_backward", tiles.grid(Body::floats),
           Body{tiles, Pictures<T>(x), Pictures<T>(dy), LayerLines(layer), Typed<float>(parts.first),
                Typed<float>(parts.second), activation});
  });
  return parts;
}

void normalize_by_vectors(const Array& x, const Normalization& layer, const Out& y) {
  with_types(x.dtype(), layer.activation, [&]<class T, class F>(T, const F& activation) {
    using Body = Normalize<T, F>;
    const Tiles tiles(x, Body::width, Body::unroll);
    launch("batch_norm_evaluate", tiles.grid(),
           Body{tiles, Pictures<T>(x), Pictures<T>(y.array), y.accumulate, LayerLines(layer), activation});
  });
}

void gradient_by_vectors(const Array& x, const Array& dy, const Normalization& layer, const Array& totals,
                         const Out& dx) {
  const auto row = [&](std::int64_t i) { return totals.defined() ? totals.selected(0, i) : Array(); };
  with_types(x.dtype(), layer.activation, [&]<class T, class F>(T, const F& activation) {
    using Body = Gradient<T, F>;
    const Tiles tiles(x, Body::width, Body::unroll);
    launch("batch_norm_backward", tiles.grid(),
           Body{tiles, Pictures<T>(x), Pictures<T>(dy), Pictures<T>(dx.array), dx.accumulate, LayerLines(layer),
                ChannelNumbers(row(0), 0), ChannelNumbers(row(1), 0), activation});
  });
}

}  // namespace joist::cuda
