// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO variant driver for QEMU's ivshmem, whose BAR 2 has plain memory behind it.
 *
 * It maps that BAR as a driver for coherent device memory maps such memory: with the protection that
 * the VMA has, which is cacheable, as raw page frames, and without consent to uncached types. With
 * it, the cacheable path of KVM can be measured without a device that has such memory.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio_pci_core.h>

#define MEMORY_BAR 2

static int lab_open_device(struct vfio_device *core)
{
	struct vfio_pci_core_device *vdev =
		container_of(core, struct vfio_pci_core_device, vdev);
	int ret = vfio_pci_core_enable(vdev);

	if (ret)
		return ret;
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

static int lab_mmap(struct vfio_device *core, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core, struct vfio_pci_core_device, vdev);
	unsigned int index = vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) & VFIO_PCI_OFFSET_MASK;
	u64 length = vma->vm_end - vma->vm_start;
	u64 size = pci_resource_len(vdev->pdev, MEMORY_BAR);

	if (index != MEMORY_BAR)
		return vfio_pci_core_mmap(core, vma);
	if (offset > size || length > size - offset)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start,
			       PHYS_PFN(pci_resource_start(vdev->pdev, MEMORY_BAR) + offset),
			       length, vma->vm_page_prot);
}

static const struct vfio_device_ops lab_ops = {
	.name = KBUILD_MODNAME,
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = lab_open_device,
	.close_device = vfio_pci_core_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = lab_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
};

static int lab_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_core_device *vdev;
	int ret;

	vdev = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev, &lab_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	dev_set_drvdata(&pdev->dev, vdev);
	ret = vfio_pci_core_register_device(vdev);
	if (ret)
		vfio_put_device(&vdev->vdev);
	return ret;
}

static void lab_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct pci_device_id lab_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, lab_table);

static struct pci_driver lab_driver = {
	.name = KBUILD_MODNAME,
	.id_table = lab_table,
	.probe = lab_probe,
	.remove = lab_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};
module_pci_driver(lab_driver);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The authors of fleetpolicy");
MODULE_DESCRIPTION("VFIO driver that maps BAR 2 of ivshmem cacheable, for measurements");
