"""The newest images of Amazon Linux for Arm are there too.

AWS: public parameters below `/aws/service/ami-amazon-linux-latest/` name the newest image of each
processor (Systems Manager user guide, "Calling AMI public parameters").

MiniStack: knows those for x86_64.

Mend: those for arm64 are added, with an image to describe.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

_FOLDER = "/aws/service/ami-amazon-linux-latest"
_AMAZON = ("Amazon Linux 2023 AMI", "", "/dev/xvda", "137112412989", "amazon")
_IMAGES = {
    "al2023-ami-kernel-default-arm64": (
        "ami-0a2023a1b2c3d4e5f",
        "al2023-ami-2023.6.20241010.0-kernel-6.1-arm64",
    ),
    "al2023-ami-minimal-kernel-default-arm64": (
        "ami-0b2023a1b2c3d4e5f",
        "al2023-ami-minimal-2023.6.20241010.0-kernel-6.1-arm64",
    ),
}


def apply() -> None:
    """Add the images and the parameters that name them."""
    from ministack.services import ec2, ssm

    for parameter, (image, name) in _IMAGES.items():
        ssm._PUBLIC_AMI_PARAMETERS[f"{_FOLDER}/{parameter}"] = image
        ec2._STUB_AMIS.append((image, name, *_AMAZON))
