"""The reference network in PyTorch (AudioNet of the course "Reproducible Deep Learning"), and files for our tools."""
import numpy
import torch
from torch import nn
from torch.nn import functional


class AudioNet(nn.Module):
    def __init__(self, filters, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, filters, 11, padding=5)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv3 = nn.Conv2d(filters, 2 * filters, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(2 * filters)
        self.conv4 = nn.Conv2d(2 * filters, 4 * filters, 3, padding=1)
        self.bn4 = nn.BatchNorm2d(4 * filters)
        self.fc1 = nn.Linear(4 * filters, classes)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(functional.relu(self.bn2(self.conv2(x))), 2)
        x = functional.relu(self.bn3(self.conv3(x)))
        x = functional.max_pool2d(functional.relu(self.bn4(self.conv4(x))), 2)
        return self.fc1(functional.adaptive_avg_pool2d(x, 1)[:, :, 0, 0])


def clip_records(count, height, width, classes, seed, fold=1):
    """Clips like log-mel spectrograms: noise between -80 and 20 dB, a band that tells the class."""
    random = numpy.random.RandomState(seed)
    kind = [("key", "S120"), ("fold", "<i4"), ("label", "<i4"), ("x", "<f4", (1, height, width))]
    records = numpy.zeros(count, dtype=kind)
    for i in range(count):
        label = i % classes
        records[i]["key"] = b"%d-%d" % (seed, i)
        records[i]["fold"] = fold
        records[i]["label"] = label
        records[i]["x"] = -30 + 12 * random.randn(1, height, width)
        records[i]["x"][0, label * height // classes:(label + 1) * height // classes] += 15
    return records
