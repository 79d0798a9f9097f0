// A variational autoencoder of pictures (Kingma and Welling 2014): squared error of the picture plus KL divergence.
#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/linear.h>
#include <joist/tools/lab/problems.h>
#include <joist/tools/lab/samples.h>

namespace joist::lab {
namespace {

struct VaeSettings {
  std::string data = "fashion-mnist";
  std::int64_t hidden = 128, latent = 8, samples = 0, batch = 64;

  OptionTable table(const Choice& choice) {
    return {free_text("data", data, choice),
            {"hidden", hidden, {.low = 1, .high = 100000}},
            {"latent", latent, {.low = 1, .high = 10000}},
            {"samples", samples, {.low = 0, .high = 1e8}},
            {"batch", batch, {.low = 0, .high = 1e8}}};
  }
};

struct Vae {
  auto fields() {
    return joist::fields("encoder", encoder, "moments", moments, "decoder", decoder, "picture", picture);
  }
  Linear encoder, moments, decoder, picture;
};

class VaeProblem final : public Problem {
 public:
  VaeProblem(const VaeSettings& o, std::uint64_t seed)
      : data_(load_samples(o.data, o.samples)),
        order_(data_.train.count(), o.batch, seed),
        pixels_(data_.train.inputs.shape().elements(1, data_.train.inputs.rank())),
        latent_(o.latent),
        model_{.encoder = Linear({.in = pixels_, .out = o.hidden}),
               .moments = Linear({.in = o.hidden, .out = 2 * o.latent}),
               .decoder = Linear({.in = o.latent, .out = o.hidden}),
               .picture = Linear({.in = o.hidden, .out = pixels_})} {
    fields_ = fields_of(model_);
  }
  Tensor loss(std::int64_t batch) override {
    const Array rows = order_.indices(batch);
    const Tensor all(data_.train.inputs);
    return mean_loss(rows.defined() ? index_select(all, rows) : all, true);
  }
  // At the mean of the latent numbers: no noise.
  Measure test() override {
    const Inference quiet;
    double total = 0;
    const std::int64_t n = data_.test.count(), chunk = 500;
    for (std::int64_t first = 0; first < n; first += chunk) {
      const std::int64_t last = std::min(n, first + chunk);
      total +=
          mean_loss(Tensor(data_.test.inputs.sliced(0, first, last)), false).item() * static_cast<double>(last - first);
    }
    return {.loss = total / static_cast<double>(n)};
  }
  std::int64_t batches() const override { return order_.batches(); }
  std::int64_t batch_size() const override { return order_.batch(); }

 private:
  Tensor mean_loss(const Tensor& pictures, bool noise) const {
    const Tensor x = reshape(pictures, {pictures.shape(0), pixels_});
    const Tensor moments = model_.moments(relu(model_.encoder(x)));
    const Tensor mu = slice(moments, 1, 0, latent_), log_variance = slice(moments, 1, latent_, 2 * latent_);
    const Tensor z = noise ? mu + exp(0.5 * log_variance) * randn(mu.shape()) : mu;
    const Tensor y = sigmoid(model_.picture(relu(model_.decoder(z))));
    const Tensor divergence = 0.5 * sum(square(mu) + exp(log_variance) - log_variance - 1.0, 1);
    return mean(sum(square(y - x), 1) + divergence);
  }
  const DataSplit& data_;
  BatchOrder order_;
  std::int64_t pixels_, latent_;
  Vae model_;
};

}  // namespace

std::vector<ProblemKind> vae_problems() {
  return {{.info = {.name = "vae",
                    .help = "variational autoencoder: squared error and KL divergence of a picture",
                    .settings = settings_of(VaeSettings{})},
           .make = [](const Choice& choice, std::uint64_t seed) {
             return std::make_unique<VaeProblem>(options_from(VaeSettings{}, choice), seed);
           }}};
}

}  // namespace joist::lab
