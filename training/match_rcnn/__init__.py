"""Match R-CNN in full size: the backbones and heads that the field uses, with Detectron2's arithmetic."""
