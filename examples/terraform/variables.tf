variable "region" {
  description = "Where the pipeline is deployed. Notices stay in their Region."
  type        = string
}

variable "keyturn_stage" {
  description = "Stage that the pipeline was deployed as."
  type        = string
}

variable "cluster" {
  description = "ECS cluster, one of those that the pipeline was deployed for."
  type        = string
}

variable "image" {
  description = "Image of the service."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the service and its database."
  type        = string
}

variable "private_subnet_ids" {
  description = "At least two subnets in different Availability Zones, with a way to Secrets Manager and IoT Core."
  type        = list(string)
}

variable "verify_security_group_id" {
  description = "Security group that verify runs in, as given to the pipeline by vpcSecurityGroupIds."
  type        = string
}
