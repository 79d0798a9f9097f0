// Published models by the names that torchvision and timm give them; a file per family keeps compile times apart.
#pragma once

#include <joist/tools/training/model.h>

#include <vector>

namespace joist {

void add_anchor_detectors(std::vector<ModelEntry>& list);    ///< RetinaNet, SSDLite
void add_residual_models(std::vector<ModelEntry>& list);     ///< ResNet, ResNeXt, wide, RegNet, R(2+1)D
void add_mobile_models(std::vector<ModelEntry>& list);       ///< MobileNet, EfficientNet, ShuffleNet
void add_transformer_models(std::vector<ModelEntry>& list);  ///< ViT, DeiT, Swin, and ConvNeXt, which learnt from them
void add_classic_models(std::vector<ModelEntry>& list);      ///< AlexNet, VGG, SqueezeNet, DenseNet

}  // namespace joist
