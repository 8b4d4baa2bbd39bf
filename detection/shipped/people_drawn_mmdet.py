"""Configuration of mmdet 3.3 for the shipped detector: a YOLOX smaller than nano for 360-degree frames of 384 x 192.

Its file is read by mmengine; PICTURES, VALIDATION and ITERATIONS are replaced by `avseld-detect train`.
"""

# Ordinary instead of depthwise convolutions, ReLU instead of Swish, and one block a stage: with so few channels this
# takes two thirds of the time of depthwise ones on a CPU, at twice the parameters (0.54 million; YOLOX-nano has 0.91).
ACTIVATION = dict(type="ReLU")
NORM = dict(type="BN", momentum=0.03, eps=0.001)
SIZE = (384, 192)  # width, height: those of the quick start's frames, in multiples of the largest stride
GREY = dict(img=(114.0, 114.0, 114.0))  # YOLOX pads with it
PICTURES = "pictures/train/"
VALIDATION = "pictures/validation/"
ITERATIONS = 2500
WARM_UP = 100
VALIDATE_EVERY = 400
CLASSES = dict(classes=("person",))

default_scope = "mmdet"
model = dict(
    type="YOLOX",
    data_preprocessor=dict(type="DetDataPreprocessor", pad_size_divisor=32),
    backbone=dict(
        type="CSPDarknet",
        deepen_factor=0.1,
        widen_factor=0.125,
        out_indices=(2, 3, 4),
        spp_kernal_sizes=(5, 9, 13),
        norm_cfg=NORM,
        act_cfg=ACTIVATION,
    ),
    neck=dict(
        type="YOLOXPAFPN",
        in_channels=[32, 64, 128],
        out_channels=32,
        num_csp_blocks=1,
        upsample_cfg=dict(scale_factor=2, mode="nearest"),
        norm_cfg=NORM,
        act_cfg=ACTIVATION,
    ),
    bbox_head=dict(
        type="YOLOXHead",
        num_classes=1,
        in_channels=32,
        feat_channels=32,
        stacked_convs=2,
        strides=(8, 16, 32),
        norm_cfg=NORM,
        act_cfg=ACTIVATION,
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, reduction="sum", loss_weight=1.0),
        loss_bbox=dict(type="IoULoss", mode="square", eps=1e-16, reduction="sum", loss_weight=5.0),
        loss_obj=dict(type="CrossEntropyLoss", use_sigmoid=True, reduction="sum", loss_weight=1.0),
        loss_l1=dict(type="L1Loss", reduction="sum", loss_weight=1.0),
    ),
    train_cfg=dict(assigner=dict(type="SimOTAAssigner", center_radius=2.5)),
    test_cfg=dict(score_thr=0.01, nms=dict(type="nms", iou_threshold=0.65)),
)

# No mosaic and no mixing: frames are whole panoramas, with people around the horizon.
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=SIZE, keep_ratio=True),
    dict(
        type="RandomApply",
        prob=0.3,
        transforms=[
            dict(
                type="RandomAffine",
                max_rotate_degree=0.0,
                max_shear_degree=0.0,
                max_translate_ratio=0.1,
                scaling_ratio_range=(0.7, 1.3),
                border_val=(114, 114, 114),
            )
        ],
    ),
    dict(type="YOLOXHSVRandomAug"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="Pad", size_divisor=32, pad_val=GREY),
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1, 1), keep_empty=True),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=SIZE, keep_ratio=True),
    dict(type="Pad", size_divisor=32, pad_val=GREY),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CocoDataset",
        metainfo=CLASSES,
        data_root=PICTURES,
        ann_file="annotations.json",
        data_prefix=dict(img=""),
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CocoDataset",
        metainfo=CLASSES,
        data_root=VALIDATION,
        ann_file="annotations.json",
        data_prefix=dict(img=""),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="CocoMetric", ann_file=VALIDATION + "annotations.json", metric="bbox")
test_evaluator = val_evaluator

train_cfg = dict(type="IterBasedTrainLoop", max_iters=ITERATIONS, val_interval=VALIDATE_EVERY)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=35.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=WARM_UP),
    dict(type="CosineAnnealingLR", eta_min=2e-5, by_epoch=False, begin=WARM_UP, end=ITERATIONS),
]

default_hooks = dict(
    logger=dict(type="LoggerHook", interval=50),
    checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=VALIDATE_EVERY, max_keep_ckpts=2),
)
custom_hooks = [
    dict(type="EMAHook", ema_type="ExpMomentumEMA", momentum=0.001, gamma=300, update_buffers=True)
]
log_processor = dict(type="LogProcessor", by_epoch=False)
log_level = "INFO"
