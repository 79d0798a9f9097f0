"""The originals of joist's published models, without dropout: torchvision's and timm's."""
# Name -> side of the pictures in tests/fixtures/zoo.json: small, and odd numbers where the model takes them. A family's
# smallest, or a narrow variant that has no name of its own.
CI_CASES = {
    "resnet18": 64, "resnext50_32x4d": 48, "regnet_y_400mf": 64, "r2plus1d_18": 32,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 80, "efficientnet_b0": 64,
    "shufflenet_v2_x0_5": 64, "vit_tiny": 64, "deit_tiny": 64, "narrow_swin": 75, "narrow_convnext": 64,
    "squeezenet1_1": 49, "densenet121": 64,
}
# Besides, in zoo_peers_test.py.
PEER_CASES = {
    "resnet34": 64, "resnet50": 64, "efficientnet_b4": 64, "shufflenet_v2_x1_0": 64, "swin_t": 75, "convnext_tiny": 64,
    "alexnet": 64, "squeezenet1_0": 64, "regnet_y_800mf": 64,
    "resnet101": 64, "wide_resnet50_2": 64, "regnet_x_400mf": 64, "efficientnet_b1": 64, "efficientnet_b2": 64,
    "efficientnet_b3": 64, "efficientnet_lite0": 64, "deit_small": 64,
    "resnet152": 64, "resnext101_32x8d": 64, "regnet_x_800mf": 64, "regnet_y_1_6gf": 64, "regnet_y_3_2gf": 64,
    "efficientnet_b5": 64, "efficientnet_b6": 64, "efficientnet_b7": 64, "shufflenet_v2_x1_5": 64,
    "shufflenet_v2_x2_0": 64, "vit_b_16": 64, "vit_b_32": 64, "deit_base": 64, "swin_s": 64, "swin_b": 64,
    "convnext_small": 64, "convnext_base": 64, "vgg11": 64, "vgg11_bn": 64, "vgg13": 64, "vgg13_bn": 64, "vgg16": 64,
    "vgg16_bn": 64, "vgg19": 64, "vgg19_bn": 64, "densenet161": 64, "densenet169": 64, "densenet201": 64,
}


def efficientnet_lite0(classes):
    """timm's, its parts under the names that torchvision gives those of EfficientNet-B0."""
    import timm
    from torch import nn
    model = timm.create_model("tf_efficientnet_lite0", num_classes=classes)
    renamed = nn.Module()

    def block(one):
        kinds = ["conv_dw", "conv_pw"] if not hasattr(one, "conv_pwl") else ["conv_pw", "conv_dw", "conv_pwl"]
        named = nn.Module()
        named.block = nn.Sequential(*[nn.Sequential(getattr(one, kind), getattr(one, f"bn{i}")) for i, kind in enumerate(kinds, 1)])
        return named

    renamed.features = nn.Sequential(nn.Sequential(model.conv_stem, model.bn1),
                                     *[nn.Sequential(*map(block, stage)) for stage in model.blocks],
                                     nn.Sequential(model.conv_head, model.bn2))
    renamed.classifier = nn.Sequential(nn.Identity(), model.classifier)
    renamed.forward = lambda x: model(x)  # not registered: each parameter has one name
    return renamed


def original(name, classes, size):
    if name == "efficientnet_lite0":
        return efficientnet_lite0(classes)
    if name.startswith("deit_"):
        import timm
        kind = {"deit_tiny": "tiny", "deit_small": "small", "deit_base": "base"}[name]
        return timm.create_model(f"deit_{kind}_patch16_224", num_classes=classes, img_size=size)
    import torchvision.models as tv
    if name == "r2plus1d_18":
        model = tv.video.r2plus1d_18(num_classes=classes)
        model.forward = lambda x, forward=model.forward: forward(x if x.dim() == 5 else x.unsqueeze(2))
        return model
    if name == "vit_tiny":
        return tv.VisionTransformer(image_size=size, patch_size=16, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768,
                                    num_classes=classes)
    if name == "narrow_swin":
        return tv.SwinTransformer([4, 4], 24, [2, 2, 2, 2], [1, 2, 3, 6], [7, 7], stochastic_depth_prob=0.0, num_classes=classes)
    if name == "narrow_convnext":
        from torchvision.models.convnext import CNBlockConfig
        widths = [16, 24, 32, 48, None]
        return tv.ConvNeXt([CNBlockConfig(wide, after, 2) for wide, after in zip(widths, widths[1:])], num_classes=classes)
    options = {}
    if name.startswith("vit_"):
        options["image_size"] = size
    model = getattr(tv, name)(num_classes=classes, **options)
    for module in model.modules():
        if type(module).__name__ in ("Dropout", "StochasticDepth"):
            module.p = 0.0
    return model
