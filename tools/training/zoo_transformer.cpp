#include <joist/layers/models/convnext.h>
#include <joist/layers/models/swin.h>
#include <joist/layers/models/vit.h>
#include <joist/tools/training/zoo.h>

namespace joist {

void add_transformer_models(std::vector<ModelEntry>& list) {
  const auto vit = [&](const std::string& name, char size, std::int64_t patch, bool timm_names) {
    list.push_back(model(name, [=](const ModelOptions& o) {
      VisionTransformerOptions options = VisionTransformerOptions::sized(size, o.classes);
      options.patch = patch;
      options.timm_names = timm_names;
      if (o.size > 0) options.size = o.size;
      return VisionTransformer(options);
    }));
  };
  vit("vit_tiny", 't', 16, false);
  vit("vit_b_16", 'b', 16, false);
  vit("vit_b_32", 'b', 32, false);
  vit("deit_tiny", 't', 16, true);
  vit("deit_small", 's', 16, true);
  vit("deit_base", 'b', 16, true);
  for (const char size : {'t', 's', 'b'})
    list.push_back(model(std::string("swin_") + size, [size](const ModelOptions& o) {
      SwinOptions options = SwinOptions::sized(size, o.classes);
      if (!o.random_drops) options.stochastic_depth = 0;
      return Swin(options);
    }));
  for (const char* size : {"tiny", "small", "base"})
    list.push_back(model(std::string("convnext_") + size, [size](const ModelOptions& o) {
      ConvNeXtOptions options = ConvNeXtOptions::sized(*size, o.classes);
      if (!o.random_drops) options.stochastic_depth = 0;
      return ConvNeXt(options);
    }));
}

}  // namespace joist
