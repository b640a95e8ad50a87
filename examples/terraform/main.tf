# orders-api on Fargate, with a database whose master password RDS keeps and rotates, following Keyturn's notices.
# The pipeline itself is deployed apart, by `sls deploy`; what a service needs of it is in its stack's outputs.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_cloudformation_stack" "keyturn" {
  name = "keyturn-${var.keyturn_stage}"
}

# The broker of this account and Region. Services sign in to it with their task role.
data "aws_iot_endpoint" "channel" {
  endpoint_type = "iot:Data-ATS"
}

resource "aws_db_subnet_group" "orders" {
  name       = "orders"
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_instance" "orders" {
  identifier             = "orders"
  engine                 = "postgres"
  engine_version         = "17"
  instance_class         = "db.t4g.micro"
  allocated_storage      = 20
  storage_encrypted      = true
  db_name                = "shop"
  username               = "orders"
  db_subnet_group_name   = aws_db_subnet_group.orders.name
  vpc_security_group_ids = [aws_security_group.database.id]
  skip_final_snapshot    = true

  # RDS makes the secret, and by default rotates it every seven days. It holds `username` and `password` alone.
  manage_master_user_password = true
}

locals {
  secret_arn = aws_db_instance.orders.master_user_secret[0].secret_arn
}

resource "aws_security_group" "service" {
  name   = "orders-api"
  vpc_id = var.vpc_id
}

# To Secrets Manager, to IoT Core and to the database.
resource "aws_vpc_security_group_egress_rule" "service" {
  security_group_id = aws_security_group.service.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_security_group" "database" {
  name   = "orders-database"
  vpc_id = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database_from_service" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.service.id
  from_port                    = aws_db_instance.orders.port
  to_port                      = aws_db_instance.orders.port
  ip_protocol                  = "tcp"
}

# `verify` logs in as well: the security group that the pipeline was deployed with.
resource "aws_vpc_security_group_ingress_rule" "database_from_verify" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = var.verify_security_group_id
  from_port                    = aws_db_instance.orders.port
  to_port                      = aws_db_instance.orders.port
  ip_protocol                  = "tcp"
}
